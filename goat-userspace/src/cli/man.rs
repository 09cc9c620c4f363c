//! `goat man`: the manual pages, made from the help texts.

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{
    args::{Cli, ManArgs},
    say,
};

pub(super) fn run(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let pages = pages()?;
    match &args.dir {
        Some(dir) => {
            write(&pages, dir)?;
            say::status(&format!("wrote {} pages to {}", pages.len(), dir.display()));
        }
        None => say::print(pages.first().map_or("", |page| &page.text))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A manual page.
struct Page {
    /// `goat-plan.1`.
    file: String,
    /// In roff.
    text: String,
}

/// goat's own page first, then its commands'.
fn pages() -> anyhow::Result<Vec<Page>> {
    let mut goat = Cli::command();
    goat.build();
    let mut pages = vec![page("goat", goat.clone())?];
    for command in goat.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        let name = format!("goat-{}", command.get_name());
        pages.push(page(&name, command.clone())?);
    }
    Ok(pages)
}

fn page(name: &str, command: Command) -> anyhow::Result<Page> {
    let mut text = Vec::new();
    // clap keeps names for the whole of the process's life.
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    Man::new(command.name(name)).render(&mut text).context("cannot make a manual page")?;
    Ok(Page { file: format!("{name}.1"), text: String::from_utf8(text).context("a help text is no UTF-8")? })
}

fn write(pages: &[Page], dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for page in pages {
        let path = dir.join(&page.file);
        fs::write(&path, &page.text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let dir = tempfile::tempdir().unwrap();
        write(&pages().unwrap(), dir.path()).unwrap();
        assert!(dir.path().join("goat.1").exists());
        for command in Cli::command().get_subcommands() {
            let page = fs::read_to_string(dir.path().join(format!("goat-{}.1", command.get_name()))).unwrap();
            // As roff writes them.
            let about = command.get_about().unwrap().to_string().replace('-', "\\-").replace('\'', "\\*(Aq");
            assert!(page.contains(&about), "no {about:?} in {page}");
        }
    }

    #[test]
    fn man_formats_them_without_complaint() {
        let dir = tempfile::tempdir().unwrap();
        let pages = pages().unwrap();
        write(&pages, dir.path()).unwrap();
        for page in &pages {
            let mut man = process::Command::new("man");
            // man-db's own: warnings of groff on stderr.
            man.args(["--warnings", "--local-file"]).arg(dir.path().join(&page.file));
            let Ok(output) = man.env("MANROFFSEQ", "").env("MANWIDTH", "100").env("LC_ALL", "C.UTF-8").output() else {
                eprintln!("skipped: there is no man");
                return;
            };
            let complaints = String::from_utf8_lossy(&output.stderr);
            if complaints.contains("No manual entry") || complaints.contains("minimized") {
                eprintln!("skipped: {complaints}");
                return;
            }
            assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", page.file);
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains("SYNOPSIS") || text.contains("minimized"), "{}: {text}", page.file);
        }
    }
}
