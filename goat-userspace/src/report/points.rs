//! What the formats for other tools are written from: the points in question, each once.

use std::collections::BTreeMap;

use super::{ComponentReport, Item, Report, State, Totals, UnknownComponent};
use crate::{paths::RepoPath, plan::Unobservable};

/// The points of some components of a report.
#[derive(Clone, Debug)]
pub struct Points<'a> {
    /// The report that they are of.
    pub report: &'a Report,
    /// The components, by number.
    pub components: Vec<&'a ComponentReport>,
    /// By id. A point that several of the components share stands here once.
    pub items: Vec<&'a Item>,
}

impl Report {
    /// The points of the components that `list` names, as [`Report::select`] reads it. For the empty list, those of the
    /// binary's own component; all there are, if goat does not know which one the binary is.
    pub fn points(&self, list: &str) -> Result<Points<'_>, UnknownComponent> {
        let own = self.component.and_then(|id| self.components.get(id as usize));
        let (selected, rest) = match own {
            _ if !list.is_empty() => (self.select(list)?, &[][..]),
            Some(own) => (vec![own], &[][..]),
            None => (self.components.iter().collect(), &*self.no_component),
        };
        let components: BTreeMap<u32, &ComponentReport> = selected.iter().map(|c| (c.id, *c)).collect();
        let items: BTreeMap<u32, &Item> =
            selected.iter().flat_map(|component| &component.items).chain(rest).map(|item| (item.id, item)).collect();
        let components = components.into_values().collect();
        Ok(Points { report: self, components, items: items.into_values().collect() })
    }
}

impl<'a> Points<'a> {
    /// In numbers.
    pub fn totals(&self) -> Totals {
        Totals::of(self.items.iter().copied())
    }

    /// The points in `state`.
    pub fn in_state(&self, state: State) -> impl Iterator<Item = &'a Item> {
        self.items.iter().copied().filter(move |item| item.state == state)
    }

    /// The points of each file. Ids follow the files, so that each file comes once.
    pub fn by_file(&self) -> impl Iterator<Item = (&'a RepoPath, &[&'a Item])> {
        self.items.chunk_by(|a, b| a.file == b.file).filter_map(|items| Some((&items.first()?.file, items)))
    }

    /// `50%, 1 of 2 points covered, 1 not executed`.
    pub fn sentence(&self) -> String {
        let totals = self.totals();
        let mut text = match totals.total {
            0 if totals.unobservable > 0 => "nothing that can be observed".to_owned(),
            0 => "nothing to observe".to_owned(),
            total => format!("{}%, {} of {total} points covered", totals.rate(), totals.covered),
        };
        for state in State::ALL.into_iter().filter(|&state| state != State::Covered && totals.in_state(state) > 0) {
            text += &format!(", {} {}", totals.in_state(state), state.words());
        }
        text
    }

    /// `shop 1.1.0, cmd/shopd`.
    pub fn title(&self) -> String {
        let Report { name, version, .. } = self.report;
        let names = self.components.iter().map(|component| format!(", {}", component.name));
        format!("{name} {version}{}", names.collect::<String>())
    }
}

impl State {
    /// The word for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotExecuted => "not executed",
            Self::NotArmed => "not armed",
            Self::Covered | Self::Unobservable | Self::Excluded => self.as_str(),
        }
    }
}

impl Item {
    /// Why it is in its state, as it is said beside the state's word, and explained. Empty where there is nothing to say.
    pub fn why(&self) -> String {
        let reason = self.reason.as_deref().map(|reason| self.state.beside(reason)).unwrap_or_default();
        explain(reason)
    }

    /// Its place for people: `cart.go:10-11`.
    pub fn place(&self) -> String {
        let (first, last) = self.span();
        if first == last { format!("{}:{first}", self.file) } else { format!("{}:{first}-{last}", self.file) }
    }

    /// The first and the last of its shown lines.
    pub fn span(&self) -> (u32, u32) {
        let runs = self.lines.runs();
        (runs.first().map_or(self.line, |run| run.first), runs.last().map_or(self.line, |run| run.last))
    }

    /// Whether some site can tell if it ran.
    pub fn is_observable(&self) -> bool {
        matches!(self.state, State::Covered | State::NotExecuted | State::NotArmed)
    }

    /// The lines that it is shown at: its changed lines, or the first line of a branch that has none of its own.
    pub fn shown_lines(&self) -> impl Iterator<Item = u32> {
        let branch = self.lines.is_empty().then_some(self.line);
        self.lines.iter().chain(branch)
    }
}

/// The reason with its word explained, if there is nothing said behind it already.
pub(super) fn explain(reason: &str) -> String {
    match Unobservable::from_word(reason) {
        Some(known) => format!("{reason}: {}", known.explain()),
        None => reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use crate::{DataType, counts::Counts, plan::sample, report};

    #[test]
    fn each_point_comes_once() {
        let check = |own: Option<u32>, list: &str, expected: Option<&[u32]>| {
            let mut plan = sample::plan();
            plan.component = own;
            let report = report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Bool);
            let found = report.points(list).ok();
            let ids = found.as_ref().map(|points| points.items.iter().map(|item| item.id).collect::<Vec<_>>());
            assert_eq!(ids.as_deref(), expected, "{own:?} {list:?}");
            let in_files = found.iter().flat_map(|points| points.by_file()).flat_map(|(_, items)| items);
            assert_eq!(in_files.count(), expected.unwrap_or_default().len());
        };
        check(Some(1), "", Some(&[1, 2, 3, 4]));
        check(Some(0), "", Some(&[1, 5]));
        check(Some(1), "cmd/shopctl", Some(&[1, 5]));
        check(Some(1), "1,0,1", Some(&[1, 2, 3, 4, 5]));
        check(None, "", Some(&[1, 2, 3, 4, 5, 6]));
        check(None, "2", None);
    }

    #[test]
    fn the_title_names_what_is_shown() {
        let report = report::new(&sample::plan(), &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        for (list, expected) in [("", "shop 1.1.0, cmd/shopd"), ("1,0", "shop 1.1.0, cmd/shopctl, cmd/shopd")] {
            assert_eq!(report.points(list).unwrap().title(), expected);
        }
    }
}
