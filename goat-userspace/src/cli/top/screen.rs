//! The terminal while it is goat's: raw, on its other screen, and given back on every way out: return, error, panic and signal.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use ratatui::{
    DefaultTerminal, Frame,
    crossterm::event::{self, KeyEvent, KeyEventKind},
};
use tokio::signal::unix::{SignalKind, signal};

/// How long a look for keys lasts, and so how late an answer may be shown.
const LOOK: Duration = Duration::from_millis(100);

/// Dropping it gives the terminal back.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    ended: Arc<AtomicBool>,
}

/// What the terminal tells.
pub(super) enum Event {
    Key(KeyEvent),
    Resized,
    /// A signal asks for the end.
    End,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        watch_signals(Arc::clone(&ended))?;
        // Has the terminal given back before a panic is printed, too.
        Ok(Self { terminal: ratatui::try_init()?, ended })
    }

    pub(super) fn draw(&mut self, what: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.terminal.draw(what).map(drop)
    }

    /// What has happened, or `None` if nothing did for a moment.
    pub(super) fn next(&self) -> io::Result<Option<Event>> {
        let there = match event::poll(LOOK) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => false,
            there => there?,
        };
        if self.ended.load(Ordering::Relaxed) {
            return Ok(Some(Event::End));
        }
        if !there {
            return Ok(None);
        }
        Ok(match event::read()? {
            event::Event::Key(key) if key.kind != KeyEventKind::Release => Some(Event::Key(key)),
            event::Event::Resize(..) => Some(Event::Resized),
            _ => None,
        })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Sets `ended` at the first signal that would end goat with the terminal as it is.
fn watch_signals(ended: Arc<AtomicBool>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let guard = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    drop(guard);
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        ended.store(true, Ordering::Relaxed);
    });
    Ok(())
}
