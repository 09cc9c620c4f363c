//! Any program: a commit of a repository, compared with another, and driven by a script.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::truth::{
    subject::{Drive, Program, Subject, Tree},
    toolchain,
};

/// What to judge, as typed.
#[derive(clap::Args, Clone)]
#[command(next_help_heading = "A program of one's own")]
pub(in crate::truth) struct Own {
    /// Judge a main package of this repository instead
    #[arg(long, value_name = "DIR", requires_all = ["package", "drive"], conflicts_with = "subjects")]
    repo: Option<std::path::PathBuf>,

    /// The old side; INIT for none
    #[arg(long, value_name = "REV", default_value = "INIT", requires = "repo")]
    old: String,

    /// The new side
    #[arg(long, value_name = "REV", default_value = "HEAD", requires = "repo")]
    new: String,

    /// The main package, from the repository's root: ./cmd/server
    #[arg(long, value_name = "PACKAGE", requires = "repo")]
    package: Option<String>,

    /// A shell script that runs $BINARY and waits until it has ended; it must end by itself, or by a signal that it handles,
    /// since only then its counters are written
    #[arg(long, value_name = "SCRIPT", requires = "repo")]
    drive: Option<std::path::PathBuf>,
}

impl Own {
    /// Whether there is one.
    pub(in crate::truth) fn is_given(&self) -> bool {
        self.repo.is_some()
    }

    /// The subject, its new side checked out in `dir`.
    pub(in crate::truth) fn make(&self, dir: &Path) -> Result<Subject> {
        let (Some(repo), Some(package), Some(drive)) = (&self.repo, &self.package, &self.drive) else {
            anyhow::bail!("--repo, --package and --drive belong together")
        };
        let root = dir.join("tree");
        let git = |at: &Path, args: &[&str]| toolchain::output(Command::new("git").current_dir(at).args(args));
        let repo = repo.canonicalize().with_context(|| format!("there is no {}", repo.display()))?;
        std::fs::create_dir_all(dir)?;
        git(dir, &["clone", "-q", "--no-checkout", &repo.to_string_lossy(), "tree"])?;
        // The new side as the repository names it: a clone has other branches.
        let new = git(&repo, &["rev-parse", &format!("{}^{{commit}}", self.new)])?.trim().to_owned();
        git(&root, &["checkout", "-q", "--detach", &new])?;
        let name = toolchain::output(toolchain::go().current_dir(&root).args(["list", "-f", "{{.Target}}", package]))?;
        let name = Path::new(name.trim()).file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.with_context(|| format!("{package} is no command"))?;
        let module = toolchain::output(toolchain::go().current_dir(&root).args(["list", "-m"]))?;
        let module = module.trim();
        // Of what the command is made of, what the repository has.
        let list = toolchain::output(toolchain::go().current_dir(&root).args(["list", "-deps", package]))?;
        let own = |path: &&str| path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let packages: Vec<String> = list.lines().filter(own).map(str::to_owned).collect();
        ensure!(!packages.is_empty(), "{package} holds no package of {module}");
        let drive = drive.canonicalize().with_context(|| format!("there is no {}", drive.display()))?;
        let program = Program {
            name: name.clone(),
            package: package.clone(),
            dir: root.clone(),
            packages,
            drives: vec![Drive::Script { path: drive, dir: root.clone() }],
        };
        let about = format!("{package} of {}, {} to {}", repo.display(), self.old, self.new);
        let tree = Tree { repo, old: self.old.clone(), new, root, has_remarks: false };
        Ok(Subject { name, about, tree, programs: vec![program], profiled: None })
    }
}
