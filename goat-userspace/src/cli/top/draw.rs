//! One frame. Everything is said in words or signs, too: colours only repeat it.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, BorderType, Clear, List, ListItem, Paragraph, Wrap},
};

use super::{
    bar::{bar, columns, end_of},
    tree::{self, Place},
    view::{Pane, View},
};
use crate::{
    report::{Item, State, Totals, inexact, rfc3339},
    style::printable,
};

/// With fewer columns only the pane that has the keys is shown.
const TWO_PANES: u16 = 64;

/// What the keys do.
const KEYS: [(&str, &str); 11] = [
    ("q, Ctrl-C", "quit"),
    ("j k, arrows", "down, up"),
    ("Space, PgUp", "a page down, up"),
    ("g G", "to the first, the last"),
    ("Tab", "to the other pane"),
    ("Enter", "to the points of the selected file or function"),
    ("f", "points of one state, of the next, of all"),
    ("/", "points with a text in place, function or reason"),
    ("s", "sort this pane in another way"),
    ("Esc", "every point again"),
    ("?", "these keys"),
];

/// The whole screen.
pub(super) fn all(frame: &mut Frame, view: &mut View) {
    let areas =
        Layout::vertical([Constraint::Length(4), Constraint::Min(0), Constraint::Length(2), Constraint::Length(1)]);
    let [head, body, detail, foot] = areas.areas(frame.area());
    let paint = Paint { color: view.color };
    header(frame, view, paint, head);
    if view.answer.is_some() {
        let panes = Layout::horizontal([Constraint::Percentage(42), Constraint::Percentage(58)]).spacing(1);
        let [left, right] = match view.pane {
            _ if body.width >= TWO_PANES => panes.areas(body),
            Pane::Tree => [body, Rect::ZERO],
            Pane::Points => [Rect::ZERO, body],
        };
        files(frame, view, paint, left);
        points(frame, view, paint, right, detail);
    }
    footer(frame, view, paint, foot);
    if view.help {
        help(frame, frame.area());
    }
}

/// Which release, how much of it has run, and how the tracing does.
fn header(frame: &mut Frame, view: &View, paint: Paint, area: Rect) {
    let failure =
        view.failure.as_deref().map(|why| Line::styled(format!("NOT REACHABLE {}", printable(why)), paint.bad()));
    let Some(answer) = &view.answer else {
        let failed = failure.is_some();
        let first = failure.unwrap_or_else(|| Line::raw(format!("asking {} ...", printable(&view.url))));
        let more = if failed { "asking again every second; --url says where, q quits" } else { "" };
        frame.render_widget(Paragraph::new(vec![first, Line::raw(more)]).wrap(Wrap { trim: true }), area);
        return;
    };
    let status = &answer.status;
    let names: String = status.components.iter().map(|name| format!(", {name}")).collect();
    let title = printable(&format!("{} {}{names}", status.name, status.version)).into_owned();
    let since = if failure.is_some() { "as of" } else { "live," };
    let right = format!("{since} {}", status.taken.get(11..19).unwrap_or(&status.taken));
    let room = usize::from(area.width);
    let left = end_of(&title, room.saturating_sub(columns(&right) + 1).min(columns(&title)));
    let gap = " ".repeat(room.saturating_sub(columns(&left) + columns(&right)));
    let coverage = &status.coverage;
    let share = match coverage.total {
        0 => " nothing to observe".to_owned(),
        total => format!(" {}%  {} of {total} points", coverage.covered_rate, coverage.covered),
    };
    let width = room.saturating_sub(columns(&share)).min(50);
    let (full, rest) = bar(coverage.covered, coverage.total, width);
    let up = status.targets.iter().filter(|target| target.up).count();
    let targets = match status.targets.len() - up {
        0 => Span::raw(format!("{up} up")),
        down => Span::styled(format!("{up} up, {down} down"), paint.doubt()),
    };
    let cost = status.overhead.as_ref().map(|overhead| {
        let text = format!("overhead {:.2}% of {:.2}%", overhead.ratio * 100.0, overhead.budget * 100.0);
        Span::styled(text, if overhead.ratio > overhead.budget { paint.bad() } else { Style::new() })
    });
    let rest_of_counts = super::super::status::rest(coverage);
    let third = match failure {
        Some(failure) => failure,
        None => Line::raw(rest_of_counts.trim_start_matches(", ").to_owned()),
    };
    let mut fourth = vec![Span::raw("targets "), targets];
    fourth.push(Span::raw(format!(" · probes {}", super::super::status::probes(&status.probes))));
    fourth.extend(cost.into_iter().flat_map(|cost| [Span::raw(" · "), cost]));
    fourth.extend(status.backend.iter().map(|name| Span::raw(format!(" · {}", printable(name)))));
    let lines = vec![
        Line::from(vec![Span::styled(left, paint.strong()), Span::raw(gap), Span::styled(right, paint.dim())]),
        Line::from(vec![
            Span::styled(full, paint.good()),
            Span::styled(rest, paint.dim()),
            Span::styled(share, paint.strong()),
        ]),
        third,
        Line::from(fourth),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}

/// Files and functions with their bars.
fn files(frame: &mut Frame, view: &mut View, paint: Paint, area: Rect) {
    let rows = view.tree();
    let active = view.pane == Pane::Tree;
    let block = frame_of(&format!("Files, {}", view.tree_order.words()), active, paint);
    let width = usize::from(area.width).saturating_sub(2);
    let items: Vec<ListItem> = rows.iter().map(|row| ListItem::new(tree_row(row, width, paint))).collect();
    view.tree_list.select(Some(view.tree_at(&rows)));
    let list = List::new(items).block(block).highlight_style(paint.selected(active));
    frame.render_stateful_widget(list, area, &mut view.tree_list);
}

fn tree_row(row: &tree::Row, width: usize, paint: Paint) -> Line<'static> {
    let (name, style) = match &row.place {
        Place::All => ("All".to_owned(), paint.strong()),
        Place::File(file) => (printable(file).into_owned(), paint.strong()),
        Place::Function(_, function) => (printable(function).into_owned(), Style::new()),
    };
    let indent = if matches!(row.place, Place::Function(..)) { "  " } else { "" };
    let Totals { covered, total, .. } = row.totals;
    let share = if total == 0 { "-".to_owned() } else { format!("{covered}/{total}") };
    let share = format!(" {share:>7}");
    let bar_width = if width >= 36 { 8 } else { 4 };
    let room = width.saturating_sub(columns(indent) + columns(&share) + bar_width + 1);
    // Nothing to observe is no bar: an empty one would say that nothing has run.
    let (full, rest) = if total == 0 { (String::new(), " ".repeat(bar_width)) } else { bar(covered, total, bar_width) };
    Line::from(vec![
        Span::raw(indent),
        Span::styled(end_of(&name, room), style),
        Span::raw(" "),
        Span::styled(full, paint.good()),
        Span::styled(rest, paint.dim()),
        Span::raw(share),
    ])
}

/// The points of the selected file or function, and what there is to say of the selected one.
fn points(frame: &mut Frame, view: &mut View, paint: Paint, area: Rect, detail: Rect) {
    let listed = view.points();
    let selected = view.point_at(&listed);
    let active = view.pane == Pane::Points;
    let state = view.filter.state.map_or("points", State::words);
    let searched =
        if view.filter.text.is_empty() { String::new() } else { format!(" /{}", printable(&view.filter.text)) };
    let title = format!("{} {state}{searched}, {}", listed.len(), view.point_order.words());
    let width = usize::from(area.width).saturating_sub(2);
    let places: Vec<String> = listed.iter().map(|item| place_in(item, &view.place)).collect();
    let room = places.iter().map(|place| columns(place)).max().unwrap_or(0).min(width / 2);
    let rows = listed.iter().zip(&places).map(|(item, place)| point_row(item, &end_of(place, room), width, paint));
    let items: Vec<ListItem> = rows.map(ListItem::new).collect();
    let about = selected.and_then(|at| listed.get(at)).map(|item| about_point(item)).unwrap_or_default();
    view.point_list.select(selected);
    let list = List::new(items).block(frame_of(&title, active, paint)).highlight_style(paint.selected(active));
    frame.render_stateful_widget(list, area, &mut view.point_list);
    frame.render_widget(Paragraph::new(about).wrap(Wrap { trim: true }), detail);
}

/// Where a point is, as far as the place whose points are listed leaves it open.
fn place_in(item: &Item, listed: &Place) -> String {
    let (first, last) = item.span();
    match listed {
        Place::All => printable(&item.place()).into_owned(),
        Place::File(_) | Place::Function(..) if first == last => first.to_string(),
        Place::File(_) | Place::Function(..) => format!("{first}-{last}"),
    }
}

fn point_row(item: &Item, place: &str, width: usize, paint: Paint) -> Line<'static> {
    let (sign, style) = paint.state(item.state);
    let says = match item.state {
        State::Covered => times(item),
        State::Unobservable | State::Excluded => item.reason_word().unwrap_or(item.state.words()).to_owned(),
        State::NotExecuted => "0x".to_owned(),
        State::NotArmed => item.state.words().to_owned(),
    };
    let says = printable(&says).into_owned();
    let says_width = columns(&says);
    let room = width.saturating_sub(columns(place) + 4 + says_width);
    Line::from(vec![
        Span::styled(sign, style),
        Span::raw(" "),
        Span::raw(place.to_owned()),
        Span::raw(" "),
        Span::styled(end_of(&printable(&item.function), room), paint.dim()),
        Span::raw(" "),
        Span::styled(says, style),
    ])
}

/// How often the point ran: `6x`, `~1 234`, `≥ 6`.
fn times(item: &Item) -> String {
    inexact(item).unwrap_or_else(|| format!("{}x", item.count))
}

/// A point in full.
fn about_point(item: &Item) -> String {
    let mut text = format!("{} {}: {}", item.place(), item.function, item.state.words());
    if item.state == State::Covered {
        text += &format!(", {}", times(item));
    }
    if let Some(first) = item.first_hit {
        text += &format!(", first at {}", rfc3339(first));
    }
    let why = item.why();
    if !why.is_empty() {
        text += &format!(", {why}");
    }
    printable(&text).into_owned()
}

fn footer(frame: &mut Frame, view: &View, paint: Paint, area: Rect) {
    let line = if view.searching {
        let text = format!("/{}", printable(&view.filter.text));
        // Behind the text, where the next character goes.
        let at = area.x + u16::try_from(columns(&text)).unwrap_or(u16::MAX).min(area.width.saturating_sub(1));
        frame.set_cursor_position((at, area.y));
        Line::raw(text)
    } else {
        Line::styled("q quit  tab pane  j/k move  f state  / search  s sort  esc all  ? help", paint.dim())
    };
    frame.render_widget(Paragraph::new(line), area);
}

fn help(frame: &mut Frame, area: Rect) {
    let width = 66.min(area.width);
    let height = u16::try_from(KEYS.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let area = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    let lines: Vec<Line> = KEYS.iter().map(|(key, does)| Line::raw(format!(" {key:<12} {does}"))).collect();
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" Keys ")), area);
}

/// The pane that has the keys has a thick frame.
fn frame_of(title: &str, active: bool, paint: Paint) -> Block<'static> {
    let kind = if active { BorderType::Thick } else { BorderType::Plain };
    let style = if active { paint.strong() } else { paint.dim() };
    Block::bordered().border_type(kind).border_style(style).title(Span::styled(format!(" {title} "), style))
}

/// What text looks like.
#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn of(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    fn good(self) -> Style {
        self.of(Color::Green)
    }

    fn bad(self) -> Style {
        self.of(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn doubt(self) -> Style {
        self.of(Color::Yellow)
    }

    fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn selected(self, active: bool) -> Style {
        Style::new().add_modifier(if active { Modifier::REVERSED } else { Modifier::UNDERLINED })
    }

    /// A state's sign and its style.
    fn state(self, state: State) -> (&'static str, Style) {
        match state {
            State::Covered => ("+", self.good()),
            State::NotExecuted => ("-", self.bad()),
            State::NotArmed => ("!", self.doubt()),
            State::Unobservable => ("?", self.doubt()),
            State::Excluded => (".", self.dim()),
        }
    }
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
