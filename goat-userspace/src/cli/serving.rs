//! Who may ask goat: what flags and environment say of tokens, certificates and addresses, before anything is probed.

use std::{fs, io::Read, net::SocketAddr, path::Path};

use anyhow::{Context, bail};

use super::{
    args::{ObserveArgs, ServeArgs},
    say::HelpExt,
};
use crate::http::{Options, Tls, Token};

/// The longest file that a token is read from, in bytes.
const MAX_TOKEN_FILE: u64 = 64 << 10;

/// How the answer is served.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    pub(super) options: Options,
    pub(super) tls: Option<Tls>,
}

impl Serving {
    /// What `args` say for a server at `address`; `token` is GOAT_TOKEN. Refuses to show the change's sources to other machines,
    /// unless these must know a token or the user has said that they may.
    pub(super) fn new(
        args: &ServeArgs,
        component: Option<String>,
        token: Option<&str>,
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        let token = match (&args.token_file, token.filter(|token| !token.is_empty())) {
            (Some(_), Some(_)) => bail!("there are two tokens: give GOAT_TOKEN or --token-file, not both"),
            (Some(path), None) => Some(read(path)?),
            (None, Some(token)) => Some(Token::parse(token).context("GOAT_TOKEN")?),
            (None, None) => None,
        };
        let is_public = !address.ip().is_loopback();
        if is_public && token.is_none() && !args.allow_public {
            return Err::<Self, _>(anyhow::anyhow!("other machines may reach {address}, and would see the release's changed lines")).help(
                "set GOAT_TOKEN (or --token-file) to a secret that they must know, listen on 127.0.0.1, or say --allow-public \
                 (GOAT_ALLOW_PUBLIC=true)",
            );
        }
        let tls = match (&args.tls_cert, &args.tls_key) {
            (Some(chain), Some(key)) => Some(Tls::read(chain, key)?),
            _ => None,
        };
        let local_only = !is_public && token.is_none() && !args.allow_public;
        Ok(Self { options: Options { component, token, local_only, metrics_points: args.metrics_points }, tls })
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

impl ObserveArgs {
    /// [`Serving::new`] of what was typed and of the environment.
    pub(super) fn serving(&self, address: SocketAddr) -> anyhow::Result<Serving> {
        let token = std::env::var("GOAT_TOKEN").ok();
        Serving::new(&self.serve, self.component.clone(), token.as_deref(), address)
    }
}

fn read(path: &Path) -> anyhow::Result<Token> {
    let file = fs::File::open(path).with_context(|| format!("cannot read the token in {}", path.display()))?;
    let mut text = String::new();
    file.take(MAX_TOKEN_FILE)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read the token in {}", path.display()))?;
    Token::parse(&text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serving(args: &ServeArgs, token: Option<&str>, address: &str) -> Result<Serving, String> {
        Serving::new(args, None, token, address.parse().unwrap()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn other_machines_need_a_token_or_leave() {
        let public = || ServeArgs { allow_public: true, ..ServeArgs::default() };
        for (args, token, address, expected) in [
            (ServeArgs::default(), None, "127.0.0.1:1", Ok(true)),
            (ServeArgs::default(), None, "[::1]:1", Ok(true)),
            (ServeArgs::default(), Some("s3cret"), "127.0.0.1:1", Ok(false)),
            (ServeArgs::default(), Some("s3cret"), "0.0.0.0:1", Ok(false)),
            (ServeArgs::default(), Some("s3cret"), "[::]:1", Ok(false)),
            (public(), None, "0.0.0.0:1", Ok(false)),
            (public(), None, "127.0.0.1:1", Ok(false)),
            (ServeArgs::default(), None, "0.0.0.0:1", Err("other machines may reach 0.0.0.0:1")),
            (ServeArgs::default(), Some(""), "10.0.0.7:1", Err("other machines may reach 10.0.0.7:1")),
            (ServeArgs::default(), Some("two words"), "127.0.0.1:1", Err("GOAT_TOKEN: the token has characters")),
        ] {
            match (serving(&args, token, address), expected) {
                (Ok(found), Ok(local_only)) => {
                    assert_eq!(found.options.local_only, local_only, "{token:?} {address}");
                    assert_eq!(found.options.token.is_some(), token.is_some());
                }
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, expected) => panic!("{token:?} {address}: {found:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn tokens_are_read_from_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let args = ServeArgs { token_file: Some(path.clone()), ..ServeArgs::default() };
        assert!(serving(&args, None, "0.0.0.0:1").unwrap_err().contains("cannot read the token in"));
        fs::write(&path, "\n").unwrap();
        assert!(serving(&args, None, "0.0.0.0:1").unwrap_err().contains("the token is empty"));
        fs::write(&path, "s3cret\n").unwrap();
        assert!(serving(&args, None, "0.0.0.0:1").unwrap().options.token.is_some());
        assert!(serving(&args, Some("other"), "0.0.0.0:1").unwrap_err().contains("two tokens"));
    }

    #[test]
    fn certificates_that_are_none_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let args = ServeArgs {
            tls_cert: Some(file("cert.pem", "")),
            tls_key: Some(file("key.pem", "")),
            ..ServeArgs::default()
        };
        let error = serving(&args, None, "127.0.0.1:1").unwrap_err();
        assert!(error.contains("cert.pem holds no certificate"), "{error}");
    }
}
