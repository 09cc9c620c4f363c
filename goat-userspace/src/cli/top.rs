//! `goat top`: a running goat's answer on the whole screen, as it changes. Where stdout is no terminal, once and as text.

mod bar;
mod draw;
mod news;
mod points;
mod screen;
mod tree;
mod view;

use std::{io::IsTerminal, process::ExitCode, time::Instant};

use anyhow::Context;

use super::{
    args::TopArgs,
    client::{Client, PATIENCE},
    say, status,
};
use crate::{report, style::Style};
use news::{Answer, News};
use screen::{Event, Screen};
use view::View;

pub(super) fn run(args: &TopArgs) -> anyhow::Result<ExitCode> {
    let style = say::stdout_style();
    let client = Client::new(&args.url, &args.trust)?;
    if !std::io::stdout().is_terminal() {
        say::print(&once(&news::ask(&client, Instant::now() + PATIENCE)?, style))?;
        return Ok(ExitCode::SUCCESS);
    }
    let news = News::follow(client);
    let mut view = View::new(&args.url, style.color);
    let mut screen = Screen::open().context("cannot take over the terminal")?;
    let shown = watch(&mut screen, &mut view, &news);
    // Whatever is said next belongs on the usual screen.
    drop(screen);
    shown.context("cannot show anything on the terminal")?;
    Ok(ExitCode::SUCCESS)
}

/// Until the user has seen enough.
fn watch(screen: &mut Screen, view: &mut View, news: &News) -> std::io::Result<()> {
    screen.draw(|frame| draw::all(frame, view))?;
    loop {
        let event = screen.next()?;
        let mut changed = event.is_some();
        match event {
            Some(Event::End) => return Ok(()),
            Some(Event::Key(key)) if view.press(key) => return Ok(()),
            Some(Event::Key(_) | Event::Resized) | None => {}
        }
        while let Some(answer) = news.next() {
            view.learn(answer);
            changed = true;
        }
        if changed {
            screen.draw(|frame| draw::all(frame, view))?;
        }
    }
}

/// What a log or a pipe gets.
fn once(answer: &Answer, style: Style) -> String {
    format!("{}\n{}", status::show(&answer.status, style), report::text::render(&answer.report, style))
}
