//! What goat may cost the target, as people write it: `1%`, `0.5%`, `off`.

use super::config::FromWord;

/// A share of the time, or no limit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Budget(Option<f64>);

/// Unless someone says otherwise, what hits may cost.
pub(super) const MAX_OVERHEAD: Budget = Budget(Some(0.01));
/// And what arming may.
pub(super) const ARM_OVERHEAD: Budget = Budget(Some(0.05));

/// With less than this, a hot site would be looked at less than once in ten minutes.
const LEAST_PERCENT: f64 = 0.001;

impl Budget {
    /// Between 0 and 1; `None` for no limit.
    pub(super) fn share(self) -> Option<f64> {
        self.0
    }
}

impl FromWord for Budget {
    fn from_word(word: &str) -> Result<Self, String> {
        if word == "off" {
            return Ok(Self(None));
        }
        let percent = word.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        match percent {
            Some(percent) if (LEAST_PERCENT..=100.0).contains(&percent) => Ok(Self(Some(percent / 100.0))),
            Some(_) => Err(format!("{word} is out of range: from {LEAST_PERCENT}% to 100%, or off")),
            None => Err(format!("{word:?} is no share: use 1%, 0.5% or off")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read() {
        let check = |word: &str, expected: Result<Option<f64>, &str>| {
            let found = Budget::from_word(word).map(Budget::share);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{word}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{word}: {found}"),
                (found, expected) => panic!("{word}: {found:?}, not {expected:?}"),
            }
        };
        check("off", Ok(None));
        check("1%", Ok(Some(0.01)));
        check("0.5 %", Ok(Some(0.005)));
        check("100%", Ok(Some(1.0)));
        check("0%", Err("out of range"));
        check("101%", Err("out of range"));
        check("NaN%", Err("out of range"));
        check("1", Err("no share"));
        check("", Err("no share"));
        check("%", Err("no share"));
    }
}
