//! What is looked at, and what keys do to it. Selections are kept by what they stand for, so that news never move them.

use ratatui::{
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    widgets::ListState,
};

use super::{
    news::{Answer, Said},
    points::{self, Filter},
    tree::{self, Place},
};
use crate::report::{Item, Points, UnknownComponent};

/// Rows that Page Up and Page Down go.
const PAGE: isize = 10;

/// Which list the keys are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Pane {
    #[default]
    Tree,
    Points,
}

/// Everything that decides what is drawn.
#[derive(Default)]
pub(super) struct View {
    pub(super) url: String,
    pub(super) color: bool,
    /// The last answer that there was.
    pub(super) answer: Option<Answer>,
    /// Why there is none now.
    pub(super) failure: Option<String>,
    pub(super) pane: Pane,
    pub(super) place: Place,
    /// The selected point.
    pub(super) point: Option<u32>,
    pub(super) filter: Filter,
    pub(super) tree_order: tree::Order,
    pub(super) point_order: points::Order,
    /// Whether keys write the text that is searched for.
    pub(super) searching: bool,
    pub(super) help: bool,
    /// How far the lists are scrolled.
    pub(super) tree_list: ListState,
    pub(super) point_list: ListState,
}

impl View {
    pub(super) fn new(url: &str, color: bool) -> Self {
        Self { url: url.to_owned(), color, ..Self::default() }
    }

    /// Takes up an answer, or that there is none.
    pub(super) fn learn(&mut self, said: Said) {
        match said {
            Ok(answer) => {
                self.answer = Some(answer);
                self.failure = None;
            }
            Err(why) => self.failure = Some(why),
        }
    }

    /// Whether the key says that the user has seen enough.
    pub(super) fn press(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && key.code == KeyCode::Char('c') {
            return true;
        }
        if self.searching {
            self.search(key.code, control);
            return false;
        }
        if self.help {
            self.help = false;
            return key.code == KeyCode::Char('q');
        }
        match key.code {
            KeyCode::Char('q') => return true,
            KeyCode::Char('?' | 'h') => self.help = true,
            KeyCode::Tab | KeyCode::BackTab => self.switch(),
            KeyCode::Enter | KeyCode::Right | KeyCode::Char('l') => self.pane = Pane::Points,
            KeyCode::Left => self.pane = Pane::Tree,
            KeyCode::Char('j') | KeyCode::Down => self.go(1),
            KeyCode::Char('k') | KeyCode::Up => self.go(-1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.go(PAGE),
            KeyCode::PageUp => self.go(-PAGE),
            KeyCode::Home | KeyCode::Char('g') => self.go(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.go(isize::MAX),
            KeyCode::Char('f') => self.filter.turn(),
            KeyCode::Char('/') => self.searching = true,
            KeyCode::Char('s') => match self.pane {
                Pane::Tree => self.tree_order = self.tree_order.next(),
                Pane::Points => self.point_order = self.point_order.next(),
            },
            KeyCode::Esc => self.filter = Filter::default(),
            _ => {}
        }
        false
    }

    fn switch(&mut self) {
        self.pane = if self.pane == Pane::Tree { Pane::Points } else { Pane::Tree };
    }

    fn search(&mut self, code: KeyCode, control: bool) {
        match code {
            KeyCode::Esc => {
                self.filter.text.clear();
                self.searching = false;
            }
            KeyCode::Enter => {
                self.searching = false;
                self.pane = Pane::Points;
            }
            KeyCode::Backspace => drop(self.filter.text.pop()),
            KeyCode::Char('u') if control => self.filter.text.clear(),
            KeyCode::Char(c) if !control => self.filter.text.push(c),
            _ => {}
        }
    }

    /// Selects the row so many further down.
    fn go(&mut self, rows: isize) {
        match self.pane {
            Pane::Tree => {
                let tree = self.tree();
                let to = moved(self.tree_at(&tree), rows, tree.len());
                if let Some(row) = tree.into_iter().nth(to) {
                    self.place = row.place;
                }
            }
            Pane::Points => {
                let listed = self.points();
                let to = moved(self.point_at(&listed).unwrap_or(0), rows, listed.len());
                self.point = listed.get(to).map(|item| item.id).or(self.point);
            }
        }
    }

    /// The points in question; `None` before the first answer.
    pub(super) fn all(&self) -> Option<Result<Points<'_>, UnknownComponent>> {
        self.answer.as_ref().map(|answer| answer.report.points(""))
    }

    /// The rows of the tree.
    pub(super) fn tree(&self) -> Vec<tree::Row> {
        let Some(Ok(all)) = self.all() else { return Vec::new() };
        tree::rows(&all, self.tree_order)
    }

    /// The selected row of `tree`: the whole change if what was selected is no longer there.
    pub(super) fn tree_at(&self, tree: &[tree::Row]) -> usize {
        tree.iter().position(|row| row.place == self.place).unwrap_or(0)
    }

    /// The points that are listed.
    pub(super) fn points(&self) -> Vec<&Item> {
        let Some(Ok(all)) = self.all() else { return Vec::new() };
        points::listed(&all, &self.place, &self.filter, self.point_order)
    }

    /// The selected one of `listed`.
    pub(super) fn point_at(&self, listed: &[&Item]) -> Option<usize> {
        let kept = self.point.and_then(|id| listed.iter().position(|item| item.id == id));
        kept.or((!listed.is_empty()).then_some(0))
    }
}

/// `from` and so many rows, within `len`.
fn moved(from: usize, rows: isize, len: usize) -> usize {
    from.saturating_add_signed(rows).min(len.saturating_sub(1))
}
