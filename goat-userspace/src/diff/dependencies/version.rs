//! Go's versions: which of two is the later one.
//!
//! Semantic versions behind a `v` (semver.org, 2.0.0), as golang.org/x/mod/semver orders them. A pseudo-version is one before a
//! release, and what follows `+` (`+incompatible`) does not count.

use std::cmp::Ordering;

/// Compares two versions. What is no version comes before every one.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    Version::read(a).cmp(&Version::read(b))
}

/// A version's parts, in the order in which they decide.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Version<'a> {
    release: [u64; 3],
    before_release: Stage<'a>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Stage<'a> {
    /// What stands behind `-`, cut at the dots.
    Before(Vec<Identifier<'a>>),
    Release,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identifier<'a> {
    /// By the number of its digits, then by them: a pseudo-version's time has 14.
    Number(usize, &'a str),
    Word(&'a str),
}

impl<'a> Version<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('v')?;
        let text = text.split('+').next().unwrap_or(text);
        let (release, before) = match text.split_once('-') {
            Some((release, before)) => (release, Some(before)),
            None => (text, None),
        };
        let mut numbers = release.split('.').map(str::parse);
        let release = [numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?];
        let before_release =
            before.map_or(Stage::Release, |before| Stage::Before(before.split('.').map(Identifier::read).collect()));
        numbers.next().is_none().then_some(Self { release, before_release })
    }
}

impl<'a> Identifier<'a> {
    fn read(text: &'a str) -> Self {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { Self::Number(text.len(), text) } else { Self::Word(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_of_the_go_command() {
        let ascending = [
            "(devel)",
            "v0.0.0-20190101000000-abcdefabcdef",
            "v0.0.0-20200101000000-abcdefabcdef",
            "v0.9.0",
            "v0.10.0",
            "v1.0.0-alpha",
            "v1.0.0-alpha.1",
            "v1.0.0-alpha.beta",
            "v1.0.0-beta.2",
            "v1.0.0-beta.11",
            "v1.0.0-rc.1",
            "v1.0.0",
            "v1.0.1-0.20200101000000-abcdefabcdef",
            "v1.0.1",
            "v2.0.0+incompatible",
        ];
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                assert_eq!(compare(a, b), at.cmp(&other), "{a} {b}");
            }
        }
        assert_eq!(compare("v2.0.0+incompatible", "v2.0.0"), Ordering::Equal);
        assert_eq!(compare("v1.0", ""), Ordering::Equal);
    }
}
