//! What goat says to a person: errors with their causes and a way out, warnings, notes; all on stderr.

use std::{
    borrow::Cow,
    fmt,
    io::{self, IsTerminal, Write},
};

use anyhow::Context;

use crate::style::{Style, Tone};

/// An error and what to do about it.
#[derive(Debug)]
struct Helped {
    error: anyhow::Error,
    help: String,
}

impl fmt::Display for Helped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)
    }
}

impl std::error::Error for Helped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.chain().nth(1)
    }
}

/// Adds a way out to an error.
pub(super) trait HelpExt<T> {
    /// Printed as `help: ...` below the error.
    fn help(self, help: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> HelpExt<T> for Result<T, E> {
    fn help(self, help: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|e| Helped { error: e.into(), help: help.into() }.into())
    }
}

/// The error, its causes, each on a line, and the way out if one is known.
pub(super) fn error(error: &anyhow::Error) {
    eprintln!("{} {}", title(Tone::Bad, "error:"), chain(error));
}

fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    // An error whose text already ends in its cause's says it once.
    let mut last = text.clone();
    for cause in error.chain().skip(1).map(|c| c.to_string()) {
        if !last.contains(&cause) {
            text += &format!("\n  cause: {cause}");
        }
        last = cause;
    }
    // The innermost knows best what went wrong.
    if let Some(helped) = error.chain().filter_map(|e| e.downcast_ref::<Helped>()).last() {
        text += &format!("\n  help: {}", helped.help);
    }
    text
}

/// Something that the user should know before trusting the answer.
pub(super) fn warning(text: &str) {
    eprintln!("{} {text}", title(Tone::Doubt, "warning:"));
}

/// Something that may be of interest.
pub(super) fn note(text: &str) {
    eprintln!("{} {text}", title(Tone::Strong, "note:"));
}

/// What goat has done.
pub(super) fn status(text: &str) {
    eprintln!("goat: {text}");
}

fn title(tone: Tone, text: &str) -> Cow<'_, str> {
    stderr_style().paint(tone, text)
}

/// Prints `text` to stdout. A reader that has seen enough (`| head`) is no error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    match write!(stdout, "{text}{newline}").and_then(|()| stdout.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.context("cannot write to stdout"),
    }
}

/// How text on stdout is written.
pub(super) fn stdout_style() -> Style {
    Style { color: io::stdout().is_terminal() && colour_is_welcome() }
}

/// How text on stderr is written.
pub(super) fn stderr_style() -> Style {
    Style { color: io::stderr().is_terminal() && colour_is_welcome() }
}

/// Whether a person sees stderr as it is written.
pub(super) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// no-color.org: NO_COLOR, set and not empty.
fn colour_is_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_printed_with_its_causes_once_and_the_way_out() {
        let io = || io::Error::other("disk on fire");
        let check = |error: anyhow::Error, expected: &str| assert_eq!(chain(&error), expected);
        check(io().into(), "disk on fire");
        check(anyhow::Error::from(io()).context("cannot read x"), "cannot read x\n  cause: disk on fire");
        check(anyhow::Error::from(io()).context("cannot read x: disk on fire"), "cannot read x: disk on fire");
        let helped = Err::<(), _>(io()).context("cannot read x").help("put it out").context("no plan");
        check(helped.unwrap_err(), "no plan\n  cause: cannot read x\n  cause: disk on fire\n  help: put it out");
    }
}
