//! goat's answers held against the oracle's, point by point.

use std::collections::BTreeMap;

use super::{
    Case,
    goat::{Answer, Plan, Point},
    place::{FirstLines, Sources},
};

/// What comes of a point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Both say that it ran, or that it did not.
    Agreed { ran: bool },
    /// goat says that it ran; it did not.
    FalselyCovered,
    /// goat says that it did not run; it did.
    Missed,
    /// goat tells apart what the profile counts as one.
    Finer,
    /// goat says that it can't tell.
    Unobservable { reason: String, ran: bool },
    /// Not in question for this program.
    Excluded,
    /// The profile has no block for it.
    NoBlock,
    /// The oracle's runs disagree.
    Unsteady,
}

/// A point with its verdict.
pub(super) struct Judged<'a> {
    pub(super) point: &'a Point,
    pub(super) verdict: Verdict,
    /// The oracle's first run.
    pub(super) expected: u64,
    /// goat's.
    pub(super) counted: u64,
}

/// Judges every point of `plan`.
pub(super) fn judge<'a>(case: &Case<'_>, plan: &'a Plan, answer: &Answer) -> Vec<Judged<'a>> {
    let Case { tree, sources, oracle, .. } = case;
    let mut judged = Vec::with_capacity(plan.points.len());
    let first = FirstLines::of(&plan.points);
    let mut statement: Option<&Point> = None;
    for point in &plan.points {
        if point.kind != "part" {
            statement = Some(point);
        }
        let counts: Option<Vec<u64>> = (oracle.runs.iter())
            .map(|run| sources.block(oracle.marks, &first, run, point).map(|block| block.count))
            .collect();
        let counted = answer.counts.get(&point.id).copied();
        let remark = if tree.has_remarks { Remark::of(sources.line(&point.file, point.line)) } else { None };
        let is_finer = remark.is_some() || is_operand(sources, statement, point);
        let block = counts.as_ref().and_then(|c| c.first()).copied().unwrap_or(0);
        let expected = if remark == Some(Remark::NotReached) { 0 } else { block };
        let verdict = match counts {
            _ if point.is_excluded() => Verdict::Excluded,
            Some(counts) => verdict(&counts, expected, counted, is_finer, point),
            None => Verdict::NoBlock,
        };
        judged.push(Judged { point, verdict, expected, counted: counted.unwrap_or(0) });
    }
    judged
}

/// Of a point whose block was entered `counts` times in the oracle's runs, and which ran `expected` times as far as the source
/// tells more.
fn verdict(counts: &[u64], expected: u64, counted: Option<u64>, is_finer: bool, point: &Point) -> Verdict {
    let entered = counts.first().is_some_and(|count| *count > 0);
    if counts.iter().any(|count| (*count > 0) != entered) {
        return Verdict::Unsteady;
    }
    match counted {
        None => {
            // Of another mapping than goat's: nothing to probe.
            let reason = if point.observable { "no-row" } else { point.reason() };
            Verdict::Unobservable { reason: reason.to_owned(), ran: expected > 0 }
        }
        Some(1..) if expected == 0 => Verdict::FalselyCovered,
        Some(0) if entered && is_finer => Verdict::Finer,
        Some(0) if entered => Verdict::Missed,
        Some(_) => Verdict::Agreed { ran: expected > 0 },
    }
}

/// What the corpus says of a line whose block does not tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Remark {
    /// The block is entered, but the line is not reached.
    NotReached,
    /// The language leaves open whether it is.
    EitherWay,
}

impl Remark {
    fn of(line: &str) -> Option<Self> {
        match line.rsplit_once("// ")?.1 {
            "not reached" => Some(Self::NotReached),
            "either way" => Some(Self::EitherWay),
            _ => None,
        }
    }
}

/// Whether `point` is part of a condition that may be decided before it is looked at.
fn is_operand(sources: &Sources, statement: Option<&Point>, point: &Point) -> bool {
    let Some(statement) = statement.filter(|s| point.kind == "part" && s.file == point.file) else { return false };
    (statement.line..point.line).any(|line| {
        let text = sources.line(&point.file, line);
        text.contains("&&") || text.contains("||")
    })
}

/// A program's verdicts in numbers.
#[derive(Default, Clone)]
pub(super) struct Figures {
    pub(super) true_covered: usize,
    pub(super) true_not_executed: usize,
    pub(super) falsely_covered: usize,
    pub(super) missed: usize,
    /// Those of them that have copies in which goat says it can't tell.
    pub(super) missed_in_part: usize,
    pub(super) finer: usize,
    pub(super) excluded: usize,
    pub(super) no_block: usize,
    pub(super) unsteady: usize,
    /// By reason: points, and those of them that ran.
    pub(super) unobservable: BTreeMap<String, (usize, usize)>,
    pub(super) sites: usize,
    pub(super) emulated: usize,
    pub(super) not_armed: usize,
}

impl Figures {
    pub(super) fn of(judged: &[Judged<'_>]) -> Self {
        let mut figures = Self::default();
        for one in judged {
            match &one.verdict {
                Verdict::Agreed { ran: true } => figures.true_covered += 1,
                Verdict::Agreed { ran: false } => figures.true_not_executed += 1,
                Verdict::FalselyCovered => figures.falsely_covered += 1,
                Verdict::Missed => {
                    figures.missed += 1;
                    figures.missed_in_part += usize::from(!one.point.blind.is_empty());
                }
                Verdict::Finer => figures.finer += 1,
                Verdict::Excluded => figures.excluded += 1,
                Verdict::NoBlock => figures.no_block += 1,
                Verdict::Unsteady => figures.unsteady += 1,
                Verdict::Unobservable { reason, ran } => {
                    let of = figures.unobservable.entry(reason.clone()).or_default();
                    of.0 += 1;
                    of.1 += usize::from(*ran);
                }
            }
        }
        figures
    }

    /// Points on which goat and the oracle both have an answer.
    pub(super) fn judged(&self) -> usize {
        self.true_covered + self.true_not_executed + self.falsely_covered + self.missed + self.finer
    }

    /// Of the observable points that ran, the share that goat saw, in percent.
    pub(super) fn recall(&self) -> f64 {
        share(self.true_covered, self.true_covered + self.missed)
    }

    /// Points of linked functions that goat can't tell of, and their share of all those of linked functions, in percent.
    pub(super) fn blind(&self) -> (usize, f64) {
        let blind = self.unobservable.iter().filter(|(reason, _)| *reason != "not-linked").map(|(_, n)| n.0).sum();
        (blind, share(blind, blind + self.judged() + self.unsteady + self.no_block))
    }

    /// Adds another program's.
    pub(super) fn add(&mut self, other: &Self) {
        self.true_covered += other.true_covered;
        self.true_not_executed += other.true_not_executed;
        self.falsely_covered += other.falsely_covered;
        self.missed += other.missed;
        self.missed_in_part += other.missed_in_part;
        self.finer += other.finer;
        self.excluded += other.excluded;
        self.no_block += other.no_block;
        self.unsteady += other.unsteady;
        self.sites += other.sites;
        self.emulated += other.emulated;
        self.not_armed += other.not_armed;
        for (reason, (points, ran)) in &other.unobservable {
            let of = self.unobservable.entry(reason.clone()).or_default();
            of.0 += points;
            of.1 += ran;
        }
    }
}

/// In percent; 100 of nothing.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_follow_from_both_answers() {
        let point: Point = serde_json::from_value(serde_json::json!({
            "id": 1, "file": "a.go", "line": 1, "endLine": 1, "function": "f", "kind": "statement",
            "observable": false, "reason": "speculated", "sites": []
        }))
        .unwrap();
        let blind = |ran| Verdict::Unobservable { reason: "speculated".to_owned(), ran };
        for (counts, expected, counted, is_finer, verdict) in [
            ([7, 7], 7, Some(1), false, Verdict::Agreed { ran: true }),
            ([0, 0], 0, Some(0), false, Verdict::Agreed { ran: false }),
            ([0, 0], 0, Some(1), false, Verdict::FalselyCovered),
            ([0, 0], 0, Some(1), true, Verdict::FalselyCovered),
            ([7, 7], 7, Some(0), false, Verdict::Missed),
            ([7, 7], 7, Some(0), true, Verdict::Finer),
            // The source says that a panic comes before the line, whose block is entered.
            ([7, 7], 0, Some(1), true, Verdict::FalselyCovered),
            ([7, 7], 0, Some(0), true, Verdict::Finer),
            ([7, 0], 7, Some(0), false, Verdict::Unsteady),
            ([7, 7], 7, None, false, blind(true)),
            ([0, 0], 0, None, false, blind(false)),
        ] {
            let found = super::verdict(&counts, expected, counted, is_finer, &point);
            assert_eq!(found, verdict, "{counts:?} {expected} {counted:?} {is_finer}");
        }
    }

    #[test]
    fn remarks_stand_at_the_end_of_a_line() {
        for (line, expected) in [
            ("n++ // not reached", Some(Remark::NotReached)),
            ("f(x), // either way", Some(Remark::EitherWay)),
            ("n++ // not reached, says the comment", None),
            ("n++", None),
        ] {
            assert_eq!(Remark::of(line), expected, "{line}");
        }
    }
}
