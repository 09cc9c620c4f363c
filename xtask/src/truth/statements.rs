//! The oracle's grain: `go build -cover` counts once per run of statements, so that a statement behind a call that panicked or
//! ended the process seems to have run. Here every statement is a block of its own.
//!
//! `cover` begins a new block behind each `{...}`. The harness is the build's `-toolexec`: on the way to `cover` each source gets
//! an empty `{};` in front of the statements that goat asks about, on their lines, so that lines stay what they are. The
//! compiler sees only what `cover` makes of it; the released program is built from the sources as they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

/// What is put in front of a statement.
const MARK: &str = "{};";

/// By file: the lines on which a statement of its own block begins.
#[derive(Default)]
pub(super) struct Marks {
    /// By path from the sources' root.
    files: BTreeMap<String, BTreeSet<u32>>,
}

impl Marks {
    /// Marks the statement that begins `line` of `file`, if one can be put in front of it.
    pub(super) fn add(&mut self, file: &str, text: &[String], line: u32) {
        if can_mark(text, line) {
            self.files.entry(file.to_owned()).or_default().insert(line);
        }
    }

    /// By how many columns what stands on `line` has moved.
    pub(super) fn shift(&self, file: &str, line: u32) -> u32 {
        let marked = self.files.get(file).is_some_and(|lines| lines.contains(&line));
        if marked { MARK.len() as u32 } else { 0 }
    }

    /// Writes them where [`run_tool`] reads them, for sources below `root`, and gives `go build`'s flag.
    pub(super) fn toolexec(&self, root: &Path, to: &Path) -> Result<String> {
        let files: BTreeMap<PathBuf, _> = self.files.iter().map(|(file, lines)| (root.join(file), lines)).collect();
        fs::write(to, serde_json::to_vec(&files)?).with_context(|| format!("cannot write {}", to.display()))?;
        let exe = env::current_exe().context("cannot find this program")?;
        Ok(format!("-toolexec='{}' cover-statements '{}'", exe.display(), to.display()))
    }
}

/// Whether `{};` may stand in front of what begins on `line`.
fn can_mark(text: &[String], line: u32) -> bool {
    let index = line as usize - 1;
    let Some(own) = text.get(index).map(|own| own.trim_start()) else { return false };
    let is_statement = own.starts_with(|c: char| c.is_alphabetic() || "_*(<[&".contains(c));
    let word: String = own.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if !is_statement || matches!(&*word, "case" | "default" | "func" | "else") {
        return false;
    }
    let code = |line: &String| line.split("//").next().unwrap_or("").trim().to_owned();
    let before = text[..index].iter().rev().map(code).find(|line| !line.is_empty()).unwrap_or_default();
    // Part of something that began further up, whatever it is; or a label's statement, which it would lose.
    let label = before.strip_suffix(':').filter(|word| *word != "default");
    !before.ends_with([',', '(', '[', '.', '=', '+', '|', '&'])
        && !label.is_some_and(|word| word.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

/// `go build`'s tools, run in its stead: `tool` with `args`, sources for `cover` marked as `marks` says.
pub(crate) fn run_tool(marks: &Path, tool: &Path, args: &[String]) -> Result<ExitCode> {
    if tool.file_stem().is_none_or(|name| name != "cover") {
        return status(Command::new(tool).args(args));
    }
    let json = fs::read(marks).with_context(|| format!("cannot read {}", marks.display()))?;
    if args.iter().any(|arg| arg == "-V=full") {
        // The version is part of every cache key: what other marks gave is not to be found again.
        let out = Command::new(tool).args(args).output().with_context(|| format!("cannot run {}", tool.display()))?;
        let mut hasher = DefaultHasher::new();
        (&json, MARK).hash(&mut hasher);
        println!("{} statements={:016x}", String::from_utf8_lossy(&out.stdout).trim_end(), hasher.finish());
        return Ok(ExitCode::SUCCESS);
    }
    let files: BTreeMap<PathBuf, BTreeSet<u32>> = serde_json::from_slice(&json)?;
    let dir = tempfile::tempdir()?;
    let mut marked = Vec::with_capacity(args.len());
    for arg in args {
        let path = env::current_dir()?.join(arg);
        let Some(lines) = files.get(&path) else {
            marked.push(arg.clone());
            continue;
        };
        let to = dir.path().join(path.file_name().context("a source without a name")?);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        fs::write(&to, mark(&text, lines))?;
        marked.push(to.to_string_lossy().into_owned());
    }
    status(Command::new(tool).args(marked))
}

fn mark(text: &str, lines: &BTreeSet<u32>) -> String {
    let mut marked = String::with_capacity(text.len());
    for (line, number) in text.split_inclusive('\n').zip(1u32..) {
        let indent = line.len() - line.trim_start().len();
        marked.push_str(&line[..indent]);
        if lines.contains(&number) {
            marked.push_str(MARK);
        }
        marked.push_str(&line[indent..]);
    }
    marked
}

fn status(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_can_be_marked_and_what_continues_one_can_not() {
        let text = "\tx := 1\n\tcase 3:\n\t\ty()\n\t} else if z {\nouter:\n\tfor {\n\tdefault:\n\t\treturn\n\t*p = 2\n";
        let text: Vec<String> = text.lines().map(str::to_owned).collect();
        for (line, expected) in
            [(1, true), (2, false), (3, true), (4, false), (5, true), (6, false), (7, false), (8, true), (9, true)]
        {
            assert_eq!(can_mark(&text, line), expected, "{line}");
        }
    }

    #[test]
    fn marks_stand_behind_the_indentation() {
        assert_eq!(mark("a\n\tb\nc\n", &BTreeSet::from([2, 3])), "a\n\t{};b\n{};c\n");
    }
}
