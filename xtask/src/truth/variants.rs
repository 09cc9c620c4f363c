//! The same source as other compilers, flags and targets make it: each is a different machine code.

use super::subject::{PROFILE, Variant};

/// A way to build, by the name that reports call it.
pub(super) struct Named {
    pub(super) name: &'static str,
    flags: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
}

/// What `--variants` judges unless other subjects are named: the others take long, eleven times over.
pub(super) const SUBJECTS: [&str; 2] = ["corpus", "gofmt"];

/// What `--variants` goes through. The installed release with its defaults, which are GOAMD64=v1 among others, is the subject itself.
/// Profile-guided optimisation is in the compiler's own build as well (cmd/compile/default.pgo).
pub(super) const ALL: [Named; 10] = [
    Named { name: "go1.27.0", flags: &[], env: &[("GOTOOLCHAIN", "go1.27.0")] },
    Named { name: "go1.25.5", flags: &[], env: &[("GOTOOLCHAIN", "go1.25.5")] },
    Named { name: "go1.21.13", flags: &[], env: &[("GOTOOLCHAIN", "go1.21.13")] },
    Named { name: "-gcflags=all=-l", flags: &["-gcflags=all=-l"], env: &[] },
    Named { name: "-gcflags='all=-N -l'", flags: &["-gcflags=all=-N -l"], env: &[] },
    Named { name: "-pgo", flags: &[PROFILE], env: &[] },
    Named { name: "GOAMD64=v3", flags: &[], env: &[("GOAMD64", "v3")] },
    Named { name: "-buildmode=pie", flags: &["-buildmode=pie"], env: &[] },
    Named {
        name: "-ldflags=-linkmode=external",
        flags: &["-ldflags=-linkmode=external"],
        env: &[("CGO_ENABLED", "1")],
    },
    Named { name: "-trimpath -ldflags='-s -w'", flags: &["-trimpath", "-ldflags=-s -w"], env: &[] },
];

impl Named {
    pub(super) fn variant(&self) -> Variant {
        let owned = |text: &&str| (*text).to_owned();
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Variant { flags: self.flags.iter().map(owned).collect(), env: self.env.iter().map(pair).collect() }
    }
}
