//! Text on the page: escaped, and in the page's words.

use std::{fmt::Write, time::SystemTime};

use crate::{
    DataType,
    report::{Item, State, estimate::inexact, rfc3339},
};

/// Safe as text and inside quoted attributes.
pub(super) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // A browser drops or guesses at control characters; a reader should see that one is there.
            c if c.is_control() && c != '\t' && c != '\n' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(text, &mut out);
    out
}

/// `2026-11-21 09:37:24 UTC`.
pub(super) fn clock(at: SystemTime) -> String {
    let at = rfc3339(at);
    format!("{} {} UTC", &at[..10], &at[11..19])
}

/// What is known of a point, in words. The script says it in the same words.
pub(super) fn say(item: &Item, data_type: DataType) -> String {
    let mut text = match (item.state, data_type) {
        (State::Covered, DataType::Bool) => "ran".into(),
        (State::Covered, DataType::Count) => {
            format!("{} ×", inexact(item).unwrap_or_else(|| item.count.to_string()))
        }
        (state, _) => state.words().to_string(),
    };
    if let Some(first) = item.first_hit {
        let _ = write!(text, ", first {}", clock(first));
    }
    let why = item.why();
    if !why.is_empty() {
        let _ = write!(text, " ({why})");
    }
    text
}

/// Told apart by its form, not by its colour alone.
pub(super) fn mark(state: State) -> &'static str {
    match state {
        State::Covered => "✓",
        State::NotExecuted => "✗",
        State::NotArmed => "!",
        State::Unobservable => "?",
        State::Excluded => "–",
    }
}
