//! The files of a change and their functions, with how much of each has run.

use std::cmp::Reverse;

use crate::report::{Item, Points, Totals};

/// What a row stands for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Place {
    /// The whole change.
    #[default]
    All,
    File(String),
    Function(String, String),
}

/// In which order files, and functions in them, are listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Order {
    #[default]
    Path,
    /// What has most points that have not run comes first.
    Missing,
}

/// A row.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) totals: Totals,
}

impl Order {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Path => Self::Missing,
            Self::Missing => Self::Path,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Path => "by path",
            Self::Missing => "most missing first",
        }
    }
}

impl Place {
    /// Whether a point is part of it.
    pub(super) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::All => true,
            Self::File(file) => item.file.as_str() == file,
            Self::Function(file, function) => item.file.as_str() == file && *item.function == **function,
        }
    }
}

/// The whole, then each file with its functions below it.
pub(super) fn rows(points: &Points<'_>, order: Order) -> Vec<Row> {
    let missing = |totals: &Totals| Reverse(totals.total - totals.covered);
    let mut files: Vec<(Row, Vec<Row>)> = points
        .by_file()
        .map(|(path, items)| {
            let file = path.as_str().to_owned();
            let mut functions: Vec<&str> = Vec::new();
            for item in items {
                if functions.last() != Some(&&*item.function) && !functions.contains(&&*item.function) {
                    functions.push(&item.function);
                }
            }
            let of = |function: &str| Row {
                place: Place::Function(file.clone(), function.to_owned()),
                totals: Totals::of(items.iter().copied().filter(|item| *item.function == *function)),
            };
            let mut functions: Vec<Row> = functions.into_iter().filter(|name| !name.is_empty()).map(of).collect();
            if order == Order::Missing {
                functions.sort_by_key(|row| missing(&row.totals));
            }
            (Row { place: Place::File(file), totals: Totals::of(items.iter().copied()) }, functions)
        })
        .collect();
    if order == Order::Missing {
        files.sort_by_key(|(row, _)| missing(&row.totals));
    }
    let all = Row { place: Place::All, totals: points.totals() };
    let files = files.into_iter().flat_map(|(file, functions)| std::iter::once(file).chain(functions));
    std::iter::once(all).chain(files).collect()
}
