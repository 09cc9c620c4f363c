//! A program of two releases, processes of it that do what they are told, and goat beside them.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use goat_tests::{
    cache, deadline, go, goat,
    http::{self, Client},
    plan::PlanArgs,
    process::Process,
    shop, tool,
    track::Track,
};
use tempfile::TempDir;

/// Lines that the first release adds end in the one, those that the second adds in the other.
const MARKERS: [&str; 2] = ["// new", "// newer"];

/// The program: its repository, and what was built from its releases.
pub struct Program {
    pub repo: PathBuf,
    /// From the tag `first`.
    pub first: PathBuf,
    /// From the tag `second`.
    pub second: PathBuf,
    source: String,
}

/// Makes the program, or finds it made.
pub fn program() -> Result<Program> {
    let fixture = cache::fixture("turns");
    let source = fs::read_to_string(fixture.join("main.go"))?;
    let dir = cache::directory("turns", (go::version()?, cache::contents(&fixture)?, 2), |dir| {
        let repo = dir.join("repo");
        fs::create_dir(&repo)?;
        tool::git(&repo, &["init", "-q", "-b", "main"])?;
        fs::copy(fixture.join("go.mod"), repo.join("go.mod"))?;
        for (day, tag, without) in [(1, "old", &MARKERS[..]), (2, "first", &MARKERS[1..]), (3, "second", &[])] {
            let lines = source.lines().filter(|line| !without.iter().any(|marker| line.trim_end().ends_with(marker)));
            fs::write(repo.join("main.go"), lines.map(|line| format!("{line}\n")).collect::<String>())?;
            tool::commit(&repo, day, tag)?;
            tool::git(&repo, &["tag", tag])?;
            if tag != "old" {
                shop::build(&repo, ".", &dir.join(tag), &[])?;
            }
        }
        Ok(())
    })?;
    Ok(Program { repo: dir.join("repo"), first: dir.join("first"), second: dir.join("second"), source })
}

impl Program {
    /// A plan for the first release.
    pub fn plan(&self, dir: &Path, granularity: &str) -> Result<PathBuf> {
        let args =
            PlanArgs { repo: &self.repo, old: "old", new: "first", binary: &self.first, granularity, precision: 2 };
        args.write(dir)
    }

    /// A plan for what the second release adds to the first.
    pub fn plan_of_second(&self, dir: &Path) -> Result<PathBuf> {
        let args = PlanArgs {
            repo: &self.repo,
            old: "first",
            new: "second",
            binary: &self.second,
            granularity: "line",
            precision: 2,
        };
        args.write(dir)
    }

    /// The number of the line with `text` in it, in the first release.
    pub fn line(&self, text: &str) -> Result<u32> {
        let lines = self.source.lines().filter(|line| !line.ends_with(MARKERS[1]));
        let found = (1..).zip(lines).find(|(_, line)| line.contains(text));
        found.map(|(number, _)| number).with_context(|| format!("no line with {text}"))
    }
}

/// A process of the program.
pub struct Turns {
    child: Child,
    pid: u32,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Turns {
    /// Starts `binary`, and waits until it is ready.
    pub fn start(binary: &Path) -> Result<Self> {
        Self::by(&mut Command::new(binary))
    }

    /// Starts it by way of `command`.
    pub fn by(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().context("no input")?;
        let output = BufReader::new(child.stdout.take().context("no output")?);
        let mut turns = Self { pid: child.id(), child, input, output };
        let said = turns.line()?;
        ensure!(said == "ready", "it said {said:?}");
        Ok(turns)
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The program is that child's child.
    pub fn set_pid(&mut self, pid: u32) {
        self.pid = pid;
    }

    /// Has it do `command`, and returns what it prints.
    pub fn ask(&mut self, command: &str) -> Result<String> {
        writeln!(self.input, "{command}")?;
        self.line()
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Whether no site of `binary`'s text differs from its file.
    pub fn is_clean(&self, binary: &Path) -> Result<bool> {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.pid))?;
        let memory = File::open(format!("/proc/{}/mem", self.pid))?;
        let file = File::open(binary)?;
        let mut compared = 0;
        for line in maps.lines().filter(|line| line.contains("r-xp") && line.contains('/')) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (start, end) = fields[0].split_once('-').context("no range")?;
            let (start, end) = (u64::from_str_radix(start, 16)?, u64::from_str_radix(end, 16)?);
            let offset = u64::from_str_radix(fields[2], 16)?;
            let len = (end - start).min(file.metadata()?.len().saturating_sub(offset));
            let (mut text, mut code) = (vec![0; usize::try_from(len)?], vec![0; usize::try_from(len)?]);
            memory.read_exact_at(&mut text, start)?;
            file.read_exact_at(&mut code, offset)?;
            if text != code {
                return Ok(false);
            }
            compared += len;
        }
        ensure!(compared > 0, "process {} has no text of a file:\n{maps}", self.pid);
        Ok(true)
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// goat, attached.
pub struct Goat {
    pub process: Process,
    pub client: Client,
}

impl Goat {
    /// Attaches with `args`, and waits until goat is ready.
    pub fn attach(args: &[&str]) -> Result<Self> {
        let mut command = goat::command()?;
        command.args(["attach"]).args(args);
        Self::start(&mut command)
    }

    /// The same by a command that has `attach` and its arguments.
    pub fn start(command: &mut Command) -> Result<Self> {
        let port = http::free_port()?;
        let mut process = Process::start(command.args(["--listen", &format!("127.0.0.1:{port}")]))?;
        let client = Client::new(port);
        process.until("goat ready", || client.is_ok("/readyz").then_some(()))?;
        Ok(Self { process, client })
    }

    pub fn track(&self) -> Result<Track> {
        Track::parse(&self.client.get("/track")?.body)
    }

    /// How often line `line` ran, by the points that begin there.
    pub fn count(&self, line: u32) -> Result<Option<u64>> {
        let track = self.track()?;
        let items = track.items()?;
        Ok(items.values().find(|item| item.line == line).map(|item| item.count))
    }

    /// Waits until goat has said `text` on stderr, `times` times.
    pub fn until_said(&mut self, text: &str, times: usize) -> Result<()> {
        let Self { process, .. } = self;
        let said = deadline::until(&format!("{text:?} {times} times"), || {
            Ok((process.stderr().matches(text).count() >= times).then_some(()))
        });
        said.with_context(|| format!("goat said:\n{}", process.stderr()))
    }

    /// Ends goat in good order, which must be well.
    pub fn end(self) -> Result<String> {
        self.process.signal(libc::SIGTERM)?;
        Ok(self.process.wait()?.succeeded()?.stderr)
    }
}

/// A directory for one test, on the same file system as the cache.
pub fn directory() -> Result<TempDir> {
    Ok(tempfile::tempdir()?)
}

/// A copy of `binary` at `path`, put there by rename, as most deploys do.
pub fn deploy(binary: &Path, path: &Path) -> Result<()> {
    let new = path.with_extension("new");
    fs::copy(binary, &new)?;
    fs::rename(&new, path).context("renaming")
}
