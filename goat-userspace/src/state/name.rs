//! What files are called: by the application, for people, and by the plan's digest.

use crate::{DataType, plan::Digest};

/// How much of the digest is in a name. The whole of it is in the file.
const DIGITS: usize = 16;

/// The longest part of a name that the application gives.
const MAX_APP: usize = 40;

/// `shop-0123456789abcdef`: without ending, the plan's name.
pub(super) fn plan(app: &str, digest: Digest) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    let app: String = app.trim_start_matches(['.', '-']).chars().take(MAX_APP).map(plain).collect();
    let app = if app.is_empty() { "app" } else { &app };
    format!("{app}-{}", digits(digest))
}

/// `shop-0123456789abcdef-count-2`: the name of the `number`th state of that plan. Whether and how often are not added up.
pub(super) fn state(plan: &str, data_type: DataType, number: usize) -> String {
    let kind = match data_type {
        DataType::Bool => "",
        DataType::Count => "-count",
    };
    if number == 1 { format!("{plan}{kind}") } else { format!("{plan}{kind}-{number}") }
}

/// Whether the plan file `stem` is of the plan with that digest, as far as its name says.
pub(super) fn is_of(stem: &str, digest: Digest) -> bool {
    stem.ends_with(&format!("-{}", digits(digest)))
}

fn digits(digest: Digest) -> String {
    digest.to_string().chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_whatever_the_application_is_called() {
        let digest = Digest([0xab; 16]);
        for (app, expected) in [
            ("shop", "shop-abababababababab"),
            ("", "app-abababababababab"),
            ("../etc/x y", "_etc_x_y-abababababababab"),
            (".hidden", "hidden-abababababababab"),
            ("caf\u{e9}", "caf_-abababababababab"),
            (&"x".repeat(200), &format!("{}-abababababababab", "x".repeat(40))),
        ] {
            assert_eq!(plan(app, digest), expected);
            assert!(is_of(&plan(app, digest), digest));
            assert!(!is_of(&plan(app, digest), Digest([0xba; 16])));
        }
    }

    #[test]
    fn each_data_type_and_each_goat_has_its_state() {
        for (data_type, number, expected) in [
            (DataType::Bool, 1, "p"),
            (DataType::Bool, 2, "p-2"),
            (DataType::Count, 1, "p-count"),
            (DataType::Count, 3, "p-count-3"),
        ] {
            assert_eq!(state("p", data_type, number), expected);
        }
    }
}
