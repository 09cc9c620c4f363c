//! Whether enough of a change has run: what a gate asks, and the answer. Pure; `goat verify` and `/verify` ask it over and over.

use std::fmt;

use super::{Item, Points, State, Totals};

/// A share in hundredths of a percent, from 0 to 100 %, so that it is compared exactly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Percent(u32);

/// How many there may be: points, or a share of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Limit {
    /// So many.
    Points(usize),
    /// So many of a hundred.
    Percent(Percent),
}

/// What a gate asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gate {
    /// The least share of the points that can be observed that must have run.
    pub min_coverage: Percent,
    /// With fewer points that can be observed than these, there is no answer.
    pub min_points: usize,
    /// The most points that can't be observed, of all but the excluded; `None` for any number.
    pub max_unobservable: Option<Limit>,
    /// Whether a change with nothing to observe passes. One that can't be observed is another thing, and does not.
    pub allow_empty: bool,
}

/// What the gate says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Decision {
    /// Enough has run.
    Pass,
    /// Not enough has run, or too much can't be observed.
    Below,
    /// There is too little to decide on.
    Undecided,
}

/// A decision and what it rests on.
#[derive(Clone, Debug)]
pub struct Verdict<'a> {
    /// What was asked.
    pub gate: Gate,
    /// The answer.
    pub decision: Decision,
    /// Why it is no pass, or that nothing was to observe; one sentence each.
    pub reasons: Vec<String>,
    /// Whether time can change it: more may run, but the plan stays.
    pub may_change: bool,
    /// The points in question in numbers.
    pub totals: Totals,
    /// Points that did not run, or were not armed.
    pub missing: Vec<&'a Item>,
    /// Points that no site can tell of. Never counted as covered.
    pub unobservable: Vec<&'a Item>,
}

impl Default for Gate {
    /// All of the change, with at least one point.
    fn default() -> Self {
        Self { min_coverage: Percent::ALL, min_points: 1, max_unobservable: None, allow_empty: false }
    }
}

impl Gate {
    /// Judges `points`.
    pub fn judge<'a>(&self, points: &Points<'a>) -> Verdict<'a> {
        let totals = points.totals();
        let Totals { total, covered, unobservable, .. } = totals;
        let mut reasons = Vec::new();
        let too_many = self.max_unobservable.filter(|limit| limit.is_exceeded(unobservable, total + unobservable));
        if let Some(limit) = too_many {
            reasons.push(format!(
                "{unobservable} of {} points can't be observed, more than {limit}",
                total + unobservable
            ));
        }
        let is_empty = total == 0 && unobservable == 0;
        let is_below = !self.min_coverage.is_reached(covered, total);
        let too_few = total < self.min_points.max(1);
        let decision = if is_empty && self.allow_empty {
            reasons.push("nothing to observe, which is allowed".into());
            Decision::Pass
        } else if too_many.is_some() {
            Decision::Below
        } else if too_few {
            reasons.push(match (total, unobservable) {
                (0, 0) => "nothing to observe in this change".into(),
                (0, _) => format!("nothing that can be observed: {unobservable} points can't"),
                _ => format!("{total} points can be observed, fewer than {}", self.min_points),
            });
            Decision::Undecided
        } else if is_below {
            reasons.push(format!(
                "{covered} of {total} points covered, {}, below {}",
                Percent::of(covered, total),
                self.min_coverage
            ));
            Decision::Below
        } else {
            Decision::Pass
        };
        Verdict {
            gate: *self,
            decision,
            reasons,
            may_change: decision == Decision::Below && too_many.is_none(),
            totals,
            missing: points.items.iter().copied().filter(|item| is_missing(item.state)).collect(),
            unobservable: points.in_state(State::Unobservable).collect(),
        }
    }
}

fn is_missing(state: State) -> bool {
    matches!(state, State::NotExecuted | State::NotArmed)
}

impl Verdict<'_> {
    /// The share of the points that can be observed that has run; `None` without such points.
    pub fn coverage(&self) -> Option<Percent> {
        (self.totals.total > 0).then(|| Percent::of(self.totals.covered, self.totals.total))
    }
}

impl Decision {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Below => "below",
            Self::Undecided => "undecided",
        }
    }
}

impl Percent {
    /// 100 %.
    pub const ALL: Self = Self(10_000);

    /// The share that `part` is of `whole`, rounded down; 0 of nothing.
    pub fn of(part: usize, whole: usize) -> Self {
        let hundredths = (part as u128 * 10_000).checked_div(whole as u128).unwrap_or(0);
        Self(u32::try_from(hundredths).unwrap_or(Self::ALL.0).min(Self::ALL.0))
    }

    /// Reads `80` or `99.95`, with or without a percent sign.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('%').unwrap_or(text);
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 2 {
            return None;
        }
        let hundredths = whole.parse::<u32>().ok()?.checked_mul(100)? + format!("{part:0<2}").parse::<u32>().ok()?;
        (hundredths <= Self::ALL.0).then_some(Self(hundredths))
    }

    /// As a number of percent.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    fn is_reached(self, part: usize, whole: usize) -> bool {
        part as u128 * 10_000 >= u128::from(self.0) * whole as u128
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.as_f64())
    }
}

impl Limit {
    /// Reads `3` or `5%`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.ends_with('%') {
            true => Percent::parse(text).map(Self::Percent),
            false => text.parse().ok().map(Self::Points),
        }
    }

    fn is_exceeded(self, part: usize, whole: usize) -> bool {
        match self {
            Self::Points(most) => part > most,
            Self::Percent(Percent(most)) => part as u128 * 10_000 > u128::from(most) * whole as u128,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Points(points) => write!(f, "{points}"),
            Self::Percent(percent) => write!(f, "{percent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, lines::LineSet, report::Report};

    /// A report of one component: so many points covered, not executed, not armed, unobservable and excluded.
    fn report(counts: [usize; 5]) -> Report {
        let states = State::ALL.into_iter().zip(counts).flat_map(|(state, count)| std::iter::repeat_n(state, count));
        let item = |(id, state)| Item {
            id,
            count: 0,
            file: "a.go".into(),
            line: id,
            end_line: id,
            lines: LineSet::from_iter([id]),
            function: "".into(),
            kind: "".into(),
            state,
            reason: None,
            blind: 0,
            first_hit: None,
            at_least: false,
            estimate: None,
        };
        Report {
            name: String::new(),
            version: String::new(),
            data_type: DataType::Bool,
            taken: UNIX_EPOCH,
            components: vec![],
            component: None,
            no_component: (1..).zip(states).map(item).collect(),
        }
    }

    fn gate(text: &str) -> Gate {
        let mut gate = Gate::default();
        for option in text.split_whitespace() {
            match option.split_once('=').unwrap_or((option, "")) {
                ("min", value) => gate.min_coverage = Percent::parse(value).unwrap(),
                ("points", value) => gate.min_points = value.parse().unwrap(),
                ("unobservable", value) => gate.max_unobservable = Some(Limit::parse(value).unwrap()),
                ("empty", _) => gate.allow_empty = true,
                other => panic!("{other:?}"),
            }
        }
        gate
    }

    #[test]
    fn verdicts() {
        // Covered, not executed, not armed, unobservable, excluded.
        let check = |options: &str, counts: [usize; 5], decision: Decision, may_change: bool, reason: &str| {
            let report = report(counts);
            let verdict = gate(options).judge(&report.points("").unwrap());
            let found = (verdict.decision, verdict.may_change, verdict.reasons.join("; "));
            assert_eq!(found, (decision, may_change, reason.to_owned()), "{options} {counts:?}");
            assert_eq!((verdict.missing.len(), verdict.unobservable.len()), (counts[1] + counts[2], counts[3]));
        };
        use Decision::{Below, Pass, Undecided};
        check("", [4, 0, 0, 0, 0], Pass, false, "");
        check("", [4, 0, 0, 9, 9], Pass, false, "");
        check("", [3, 1, 0, 0, 0], Below, true, "3 of 4 points covered, 75%, below 100%");
        check("", [3, 0, 1, 0, 0], Below, true, "3 of 4 points covered, 75%, below 100%");
        check("min=75", [3, 1, 0, 0, 0], Pass, false, "");
        check("min=66.67", [2, 1, 0, 0, 0], Below, true, "2 of 3 points covered, 66.66%, below 66.67%");
        check("min=66.66", [2, 1, 0, 0, 0], Pass, false, "");
        check("min=0", [0, 1, 0, 0, 0], Pass, false, "");
        // Nothing to observe, and nothing that can be observed.
        check("", [0, 0, 0, 0, 0], Undecided, false, "nothing to observe in this change");
        check("", [0, 0, 0, 0, 3], Undecided, false, "nothing to observe in this change");
        check("empty", [0, 0, 0, 0, 3], Pass, false, "nothing to observe, which is allowed");
        check("min=0 points=0", [0, 0, 0, 0, 0], Undecided, false, "nothing to observe in this change");
        check("empty", [0, 0, 0, 2, 0], Undecided, false, "nothing that can be observed: 2 points can't");
        check("empty", [0, 1, 0, 0, 0], Below, true, "0 of 1 points covered, 0%, below 100%");
        check("points=5", [4, 0, 0, 0, 0], Undecided, false, "4 points can be observed, fewer than 5");
        check("points=4", [4, 0, 0, 0, 0], Pass, false, "");
        // What can't be observed is of the points that are not excluded.
        check("unobservable=2", [4, 0, 0, 2, 0], Pass, false, "");
        check("unobservable=1", [4, 0, 0, 2, 0], Below, false, "2 of 6 points can't be observed, more than 1");
        check("unobservable=20%", [4, 0, 0, 1, 7], Pass, false, "");
        check(
            "unobservable=19.99%",
            [4, 0, 0, 1, 7],
            Below,
            false,
            "1 of 5 points can't be observed, more than 19.99%",
        );
        check("unobservable=0", [0, 0, 0, 1, 0], Below, false, "1 of 1 points can't be observed, more than 0");
        check("unobservable=0 empty", [0, 0, 0, 0, 0], Pass, false, "nothing to observe, which is allowed");
    }

    #[test]
    fn percents_are_read_and_written() {
        for (text, expected) in [
            ("80", Some("80%")),
            ("100", Some("100%")),
            ("99.9", Some("99.9%")),
            ("99.95%", Some("99.95%")),
            ("0", Some("0%")),
            ("0.05", Some("0.05%")),
            ("100.01", None),
            ("101", None),
            ("-1", None),
            ("+1", None),
            ("", None),
            ("%", None),
            ("1.", None),
            (".5", None),
            ("1.234", None),
            ("1e1", None),
            ("NaN", None),
            ("99999999999", None),
        ] {
            assert_eq!(Percent::parse(text).map(|p| p.to_string()).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn limits_are_points_or_percents() {
        for (text, expected) in [
            ("3", Some(Limit::Points(3))),
            ("0", Some(Limit::Points(0))),
            ("5%", Some(Limit::Percent(Percent(500)))),
            ("2.5", None),
            ("-3", None),
            ("101%", None),
            ("", None),
        ] {
            assert_eq!(Limit::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn shares_are_rounded_down() {
        for (part, whole, expected) in
            [(0, 0, 0), (1, 3, 3333), (2, 3, 6666), (199, 200, 9950), (9_999_999, 10_000_000, 9999)]
        {
            assert_eq!(Percent::of(part, whole), Percent(expected));
        }
    }
}
