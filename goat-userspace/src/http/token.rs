//! The secret that those who ask must know, if there is one.

use std::{fmt, hint::black_box};

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};

/// The longest token, in characters.
const MAX_TOKEN: usize = 4096;

/// A bearer token (RFC 6750). Browsers, which ask people for a name and a password, send it as the password (RFC 7617).
#[derive(Clone)]
pub struct Token {
    digest: [u8; 32],
}

/// What is no token.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadToken {
    /// Nothing but white space.
    #[error("the token is empty: write one, such as `openssl rand -hex 32` makes")]
    Empty,
    /// Longer than a header takes.
    #[error("the token has {0} characters, more than {MAX_TOKEN}: is it the right file?")]
    TooLong(usize),
    /// What no header can carry.
    #[error("the token has characters other than visible ASCII: `openssl rand -hex 32` makes a good one")]
    NotVisible,
}

impl Token {
    /// Reads a token; white space around it, such as a file's last line break, is no part of it.
    pub fn parse(text: &str) -> Result<Self, BadToken> {
        match text.trim() {
            "" => Err(BadToken::Empty),
            long if long.len() > MAX_TOKEN => Err(BadToken::TooLong(long.len())),
            token if !token.bytes().all(|b| b.is_ascii_graphic()) => Err(BadToken::NotVisible),
            token => Ok(Self { digest: Sha256::digest(token).into() }),
        }
    }

    /// Whether the request knows the token.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, credentials)) = given.and_then(|text| text.split_once(' ')) else { return false };
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            self.is(credentials.as_bytes())
        } else if scheme.eq_ignore_ascii_case("basic") {
            let Some(decoded) = base64(credentials) else { return false };
            let colon = decoded.iter().position(|&b| b == b':');
            colon.is_some_and(|colon| self.is(&decoded[colon + 1..]))
        } else {
            false
        }
    }

    /// Digests are compared, all of them: the time says nothing about the token, not even its length.
    fn is(&self, given: &[u8]) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        black_box(self.digest.iter().zip(given).fold(0, |different, (a, b)| different | (a ^ b))) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Decodes RFC 4648's alphabet of section 4, with or without padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut held, mut out) = (0u32, 0, Vec::with_capacity(text.len() * 3 / 4));
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        (bits, held) = (bits << 6 | u32::from(value), held + 6);
        if held >= 8 {
            held -= 8;
            // The eight bits above those that are held for the next byte.
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_knows_the_token_is_let_in() {
        let token = Token::parse(" s3cret:x \n").unwrap();
        for (authorization, expected) in [
            ("Bearer s3cret:x", true),
            ("bearer  s3cret:x", true),
            // printf 'ann:s3cret:x' | base64, printf ':s3cret:x' | base64
            ("Basic YW5uOnMzY3JldDp4", true),
            ("basic OnMzY3JldDp4", true),
            ("Basic YW5uOnMzY3JldDp5", false),
            ("Basic czNjcmV0", false),
            ("Basic *", false),
            ("Bearer s3cret:", false),
            ("Bearer s3cret:xx", false),
            ("Bearer ", false),
            ("Bearer", false),
            ("s3cret:x", false),
            ("Digest s3cret:x", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, authorization.parse().unwrap());
            assert_eq!(token.is_in(&headers), expected, "{authorization}");
        }
        assert!(!token.is_in(&HeaderMap::new()));
        assert_eq!(format!("{token:?}"), "Token");
    }

    #[test]
    fn what_no_header_carries_is_no_token() {
        for (text, expected) in [
            ("", BadToken::Empty),
            (" \n", BadToken::Empty),
            ("two words", BadToken::NotVisible),
            ("schlüssel", BadToken::NotVisible),
            (&"x".repeat(4097), BadToken::TooLong(4097)),
        ] {
            assert_eq!(Token::parse(text).unwrap_err(), expected, "{text:?}");
        }
    }

    #[test]
    fn base64_is_decoded() {
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("Zg==", Some(b"f")),
            ("Zm8=", Some(b"fo")),
            ("Zm9v", Some(b"foo")),
            ("Zm9vYmFy", Some(b"foobar")),
            ("+/8", Some(b"\xfb\xff")),
            ("Z m", None),
        ] {
            assert_eq!(base64(text).as_deref(), expected, "{text}");
        }
    }
}
