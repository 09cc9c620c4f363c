//! The points that are listed: of one place, in one state, with the text that was searched for, in some order.

use std::cmp::Reverse;

use super::tree::Place;
use crate::report::{Item, Points, State};

/// In which order points are listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Order {
    #[default]
    Place,
    State,
    Count,
    /// What ran for the first time last comes first.
    Newest,
}

/// Which points are listed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Filter {
    /// `None` for every state.
    pub(super) state: Option<State>,
    /// In the place, the function or the reason, in whatever case.
    pub(super) text: String,
}

impl Order {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Place => Self::State,
            Self::State => Self::Count,
            Self::Count => Self::Newest,
            Self::Newest => Self::Place,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Place => "by line",
            Self::State => "by state",
            Self::Count => "most run first",
            Self::Newest => "newest first",
        }
    }
}

impl Filter {
    /// The next state, and every state behind the last.
    pub(super) fn turn(&mut self) {
        self.state = match self.state {
            None => State::ALL.first().copied(),
            Some(state) => State::ALL.into_iter().skip_while(|&other| other != state).nth(1),
        };
    }

    fn lets(&self, item: &Item, text: &str) -> bool {
        self.state.is_none_or(|state| item.state == state)
            && (text.is_empty()
                || [item.place(), item.function.to_string(), item.why()]
                    .iter()
                    .any(|field| field.to_lowercase().contains(text)))
    }
}

/// What of `points` is listed.
pub(super) fn listed<'a>(points: &Points<'a>, place: &Place, filter: &Filter, order: Order) -> Vec<&'a Item> {
    let text = filter.text.to_lowercase();
    let mut items: Vec<&Item> =
        points.items.iter().copied().filter(|item| place.holds(item) && filter.lets(item, &text)).collect();
    match order {
        Order::Place => {}
        Order::State => items.sort_by_key(|item| State::ALL.iter().position(|&state| state == item.state)),
        Order::Count => items.sort_by_key(|item| Reverse(item.count)),
        Order::Newest => items.sort_by_key(|item| Reverse(item.first_hit)),
    }
    items
}
