//! What of a report is asked for, and in which order: the original's `component` and `order`, and `state` and `file` of ours.

use super::{ComponentReport, Item, Report, State};

/// The order of a component's items. Ties at a count are ordered by id; the original leaves them to chance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Order {
    /// 0: what did not run first.
    #[default]
    CountAscending,
    /// 1: what ran most first.
    CountDescending,
    /// 2: as in the source.
    IdAscending,
    /// 3: the last first.
    IdDescending,
}

impl Order {
    /// From the text of `order`; what is not a number from 0 to 3 is 0, as in the original.
    pub fn from_query(text: &str) -> Self {
        match text.parse::<i64>() {
            Ok(1) => Self::CountDescending,
            Ok(2) => Self::IdAscending,
            Ok(3) => Self::IdDescending,
            _ => Self::CountAscending,
        }
    }

    pub(super) fn sort(self, items: &mut [&Item]) {
        match self {
            Self::CountAscending => items.sort_by_key(|item| (item.count, item.id)),
            Self::CountDescending => items.sort_by_key(|item| (std::cmp::Reverse(item.count), item.id)),
            Self::IdAscending => items.sort_by_key(|item| item.id),
            Self::IdDescending => items.sort_by_key(|item| std::cmp::Reverse(item.id)),
        }
    }
}

/// Which points of a component are listed. Its numbers are those of all its points, whatever is listed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listed {
    /// Only points in one of these states; in any, if there are none.
    states: Vec<State>,
    /// Only points of this file, or of the files below this directory.
    file: Option<String>,
}

/// A state was asked for that there is not.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no state {asked:?}: use one or several of {}, with commas between", State::ALL.map(State::as_str).join(", "))]
pub struct UnknownState {
    /// The word asked for.
    pub asked: String,
}

impl Listed {
    /// From the texts of `state`, a comma list, and `file`. Empty ones list everything.
    pub fn from_query(states: &str, file: &str) -> Result<Self, UnknownState> {
        let words = states.split(',').filter(|_| !states.is_empty());
        let state = |word: &str| {
            State::ALL
                .into_iter()
                .find(|state| state.as_str() == word)
                .ok_or_else(|| UnknownState { asked: word.into() })
        };
        let mut states = Vec::new();
        for word in words {
            let state = state(word)?;
            if !states.contains(&state) {
                states.push(state);
            }
        }
        let file = Some(file.trim_end_matches('/')).filter(|file| !file.is_empty()).map(Into::into);
        Ok(Self { states, file })
    }

    /// Whether `item` is listed.
    pub fn lists(&self, item: &Item) -> bool {
        let in_state = self.states.is_empty() || self.states.contains(&item.state);
        let in_file = self.file.as_deref().is_none_or(|wanted| {
            let rest = item.file.as_str().strip_prefix(wanted);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        in_state && in_file
    }
}

/// A component was asked for that the report does not have.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no component {asked:?}: there are {}", .known.join(", "))]
pub struct UnknownComponent {
    /// The name or number asked for.
    pub asked: String,
    /// The names that there are.
    pub known: Vec<String>,
}

impl Report {
    /// The component of that name.
    pub fn component_named(&self, name: &str) -> Result<&ComponentReport, UnknownComponent> {
        self.components.iter().find(|component| component.name == name).ok_or_else(|| self.unknown(name))
    }

    /// The components of a comma list of names or numbers, in its order, as often as it names them; all for the empty list.
    /// A name wins over a number, if there is a directory that is called `1`.
    pub fn select(&self, list: &str) -> Result<Vec<&ComponentReport>, UnknownComponent> {
        if list.is_empty() {
            return Ok(self.components.iter().collect());
        }
        let limit = self.longest_list();
        list.split(',')
            .enumerate()
            .map(|(place, asked)| if place < limit { self.named_or_numbered(asked) } else { Err(self.unknown(asked)) })
            .collect()
    }

    /// As many components as a list may name. Answers are no longer than this makes them: a list of a million times the same
    /// component is refused.
    pub fn longest_list(&self) -> usize {
        self.components.len().saturating_mul(MAX_REPEATS).max(MAX_REPEATS)
    }

    fn named_or_numbered(&self, asked: &str) -> Result<&ComponentReport, UnknownComponent> {
        self.component_named(asked).or_else(|unknown| {
            let number = asked.parse::<usize>().map_err(|_| unknown.clone())?;
            self.components.get(number).ok_or(unknown)
        })
    }

    fn unknown(&self, asked: &str) -> UnknownComponent {
        let known = self.components.iter().map(|component| component.name.clone()).collect();
        UnknownComponent { asked: asked.into(), known }
    }
}

/// How often a component may be repeated in one question, on average.
const MAX_REPEATS: usize = 16;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, report};

    #[test]
    fn components_are_selected_by_name_or_number() {
        let report = report::new(&sample::plan(), &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        let check = |list: &str, expected: Option<&[u32]>| {
            let found = report.select(list).ok().map(|found| found.iter().map(|c| c.id).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), expected, "{list:?}");
        };
        check("", Some(&[0, 1]));
        check("cmd/shopd", Some(&[1]));
        check("1,0", Some(&[1, 0]));
        check("1,cmd/shopctl,1", Some(&[1, 0, 1]));
        check("01", Some(&[1]));
        check("2", None);
        check("-1", None);
        check("0,", None);
        check(",", None);
        check("0, 1", None);
        check("shopd", None);
        check("99999999999999999999999", None);
        check(&["0"; 32].join(","), Some(&[0; 32]));
        check(&["0"; 33].join(","), None);
    }

    #[test]
    fn a_name_wins_over_a_number() {
        let mut plan = sample::plan();
        plan.components[0].name = "1".into();
        let report = report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        assert_eq!(report.select("1").unwrap()[0].id, 0);
    }

    #[test]
    fn the_fault_says_what_there_is() {
        let report = report::new(&sample::plan(), &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        let message = report.select("0,nosuch").unwrap_err().to_string();
        assert_eq!(message, "no component \"nosuch\": there are cmd/shopctl, cmd/shopd");
    }

    #[test]
    fn orders_are_numbers_from_0_to_3() {
        use Order::{CountAscending, CountDescending, IdAscending, IdDescending};
        for (text, expected) in [
            ("", CountAscending),
            ("0", CountAscending),
            ("1", CountDescending),
            ("2", IdAscending),
            ("3", IdDescending),
            ("03", IdDescending),
            ("9", CountAscending),
            ("-1", CountAscending),
            ("abc", CountAscending),
            (" 1", CountAscending),
        ] {
            assert_eq!(Order::from_query(text), expected, "{text:?}");
        }
    }

    #[test]
    fn points_are_listed_by_state_and_file() {
        let report = report::new(&sample::plan(), &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        let check = |states: &str, file: &str, expected: &[u32]| {
            let listed = Listed::from_query(states, file).unwrap();
            let items = report.components[1].items.iter().filter(|item| listed.lists(item));
            assert_eq!(items.map(|item| item.id).collect::<Vec<_>>(), expected, "{states:?} {file:?}");
        };
        check("", "", &[1, 2, 3, 4]);
        check("not-executed", "", &[1, 2]);
        check("unobservable,excluded", "", &[3, 4]);
        check("covered", "", &[]);
        check("", "cart.go", &[1, 2, 3]);
        check("", "cart", &[]);
        check("", "ctl.go/", &[4]);
        check("excluded", "cart.go", &[]);
        assert_eq!(
            Listed::from_query("covered,ran", "").unwrap_err().to_string(),
            "no state \"ran\": use one or several of covered, not-executed, not-armed, unobservable, excluded, with commas between"
        );
        assert!(Listed::from_query("covered,", "").is_err());
    }

    #[test]
    fn a_directory_lists_the_files_below_it() {
        let mut plan = sample::plan();
        plan.files[0].path = "internal/cart/cart.go".into();
        let report = report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        let listed = |file: &str| {
            let listed = Listed::from_query("", file).unwrap();
            report.components[1].items.iter().filter(|item| listed.lists(item)).count()
        };
        assert_eq!([listed("internal"), listed("internal/cart/"), listed("internal/ca"), listed("/")], [3, 3, 0, 4]);
    }
}
