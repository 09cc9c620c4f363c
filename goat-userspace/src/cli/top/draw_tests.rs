use std::time::UNIX_EPOCH;

use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent},
};

use super::*;
use crate::{
    DataType,
    cli::{status, top::news::Answer},
    counts::Counts,
    plan::sample,
    report,
};

fn answer() -> Answer {
    let status: status::Answer = serde_json::from_str(
        r#"{"goat":{"version":"0.1.0","pid":7,"started":null},"name":"shop","version":"1.1.0","components":["cmd/shopd"],
        "dataType":"count","taken":"2024-02-01T12:00:03.000Z","coverage":{"total":2,"covered":1,"coveredRate":50,"notExecuted":1,
        "notArmed":0,"unobservable":1,"excluded":1},"backend":"uprobe_multi",
        "targets":[{"pid":42,"exe":"/srv/shopd","since":"T1","up":true,"probed":true},
        {"pid":41,"exe":"/srv/shopd","since":"T0","up":false,"probed":true}],
        "probes":{"pending":0,"armed":3,"disarmed":0,"throttled":0,"notArmed":0},
        "overhead":{"ratio":0.0021,"budget":0.01,"hitsPerSecond":12.5,"waiting":0},"state":null}"#,
    )
    .unwrap();
    let mut counts = Counts::none(3, UNIX_EPOCH);
    counts.slots[0].hits = 6;
    Answer { status, report: report::new(&sample::plan(), &counts, DataType::Count) }
}

fn view(answer: Option<Answer>) -> View {
    let mut view = View::new("http://127.0.0.1:57005", false);
    if let Some(answer) = answer {
        view.learn(Ok(answer));
    }
    view
}

/// The screen as text, blanks at the ends of lines left out.
fn screen(view: &mut View, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| all(frame, view)).unwrap();
    let buffer = terminal.backend().buffer();
    let rows = buffer.content.chunks(usize::from(width).max(1));
    rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned() + "\n").collect()
}

fn press(view: &mut View, keys: &str) {
    for c in keys.chars() {
        let code = match c {
            '\t' => KeyCode::Tab,
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            c => KeyCode::Char(c),
        };
        assert!(!view.press(KeyEvent::from(code)), "{keys:?} quits");
    }
}

#[test]
fn everything_fits_on_a_small_terminal() {
    let expected = include_str!("screen.txt");
    let found = screen(&mut view(Some(answer())), 80, 24);
    assert_eq!(found, expected, "\n{found}");
}

#[test]
fn keys_choose_what_is_shown() {
    for (keys, there, gone) in [
        ("", "4 points, by line", ""),
        ("f", "1 covered, by line", "- cart.go"),
        ("ff", "1 not executed", "+ cart.go"),
        ("ffff", "1 unobservable", "- cart.go"),
        ("f\x1b", "4 points", ""),
        ("/SPECUL\n", "1 points /SPECUL", "+ cart.go"),
        ("/SPECUL", "/SPECUL\n", "+ cart.go"),
        ("/nosuch\n", "0 points /nosuch", "cart.go:"),
        ("\tss", "most run first", ""),
        ("s", "most missing first", ""),
        ("j", "+ 10-11", "+ cart.go"),
        ("\tj", ": not executed", ""),
        ("?", "these keys", ""),
        ("??", "4 points", "these keys"),
    ] {
        let mut view = view(Some(answer()));
        press(&mut view, keys);
        let found = screen(&mut view, 80, 24);
        assert!(found.contains(there), "{keys:?}: no {there:?}\n{found}");
        assert!(gone.is_empty() || !found.contains(gone), "{keys:?}: {gone:?}\n{found}");
    }
    assert!(view(None).press(KeyEvent::from(KeyCode::Char('q'))));
}

#[test]
fn a_goat_that_does_not_answer_is_named_and_the_last_answer_kept() {
    let mut view = view(None);
    assert!(screen(&mut view, 80, 24).starts_with("asking http://127.0.0.1:57005"));
    view.learn(Err("no answer from http://127.0.0.1:57005/status: connection refused".into()));
    let found = screen(&mut view, 80, 24);
    assert!(
        found.starts_with("NOT REACHABLE no answer from") && found.contains("asking again every second"),
        "{found}"
    );
    view.learn(Ok(answer()));
    assert!(!screen(&mut view, 80, 24).contains("NOT REACHABLE"));
    view.learn(Err("gone".into()));
    let found = screen(&mut view, 80, 24);
    assert!(
        found.contains("NOT REACHABLE gone") && found.contains("as of 12:00:03") && found.contains("cart.go"),
        "{found}"
    );
}

#[test]
fn every_size_is_drawn() {
    for (width, height) in [(0, 0), (1, 1), (2, 40), (20, 5), (63, 24), (64, 24), (300, 3), (300, 100)] {
        for keys in ["", "\t", "?", "/x"] {
            let mut view = view(Some(answer()));
            press(&mut view, keys);
            screen(&mut view, width, height);
        }
    }
}

#[test]
fn the_selection_outlives_news() {
    let mut view = view(Some(answer()));
    press(&mut view, "\tj");
    let before = view.point;
    press(&mut view, "ss");
    view.learn(Ok(answer()));
    screen(&mut view, 80, 24);
    assert_eq!((before, view.point), (Some(2), Some(2)));
    // A plan without the file that was looked at.
    press(&mut view, "\tjj");
    let mut other = answer();
    other.report.components.iter_mut().for_each(|component| component.items.clear());
    view.learn(Ok(other));
    assert!(screen(&mut view, 80, 24).contains("All"));
}

#[test]
fn what_a_terminal_would_obey_is_not_drawn() {
    let mut hostile = answer();
    hostile.status.name = "a\x1b[2Jb".into();
    for component in &mut hostile.report.components {
        component.items.iter_mut().for_each(|item| item.function = "f\x1b[2J\u{202e}".into());
    }
    let found = screen(&mut view(Some(hostile)), 120, 24);
    assert!(!found.contains(['\x1b', '\u{202e}']), "{found}");
}

#[test]
fn no_colour_is_used_where_none_is_welcome() {
    for color in [false, true] {
        let mut view = view(Some(answer()));
        view.color = color;
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| all(frame, &mut view)).unwrap();
        let used = terminal.backend().buffer().content.iter().any(|cell| cell.fg != Color::Reset);
        assert_eq!(used, color);
    }
}
