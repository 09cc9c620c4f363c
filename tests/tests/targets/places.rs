//! Where targets are: in control groups, containers and namespaces, and behind paths whose files are written over.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use goat_tests::{deadline, kernel, track::Track};

use super::fixture::{Goat, Turns, directory, program};

/// Says on the real standard error that the rest of the test can't run.
fn skip(why: &str) -> Result<()> {
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    writeln!(std::io::stderr(), "{name} skipped: {why}").context("writing to stderr")
}

/// A control group of version 2, removed when dropped.
struct Group(PathBuf);

impl Group {
    /// Below the root; `None` where there are none, or goat may not make any.
    fn make(name: &str) -> Option<Self> {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let root = roots.into_iter().find(|root| root.join("cgroup.subtree_control").exists())?;
        let path = root.join(name);
        fs::create_dir(&path).ok()?;
        Some(Self(path))
    }

    fn take(&self, turns: &Turns) -> Result<()> {
        fs::write(self.0.join("cgroup.procs"), turns.pid().to_string()).context("moving into the group")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group goes when its last process is gone.
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn the_processes_of_a_control_group_are_observed_and_no_others() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let name = format!("goat-test-{}", std::process::id());
    let Some(group) = Group::make(&name) else { return skip("no control group can be made here") };
    check_group(&group, &["--cgroup", &name])
}

#[test]
fn the_processes_of_a_container_are_observed_and_no_others() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let id = format!("{:0>64x}", std::process::id());
    let Some(group) = Group::make(&format!("docker-{id}.scope")) else {
        return skip("no control group can be made here");
    };
    check_group(&group, &["--container", &format!("docker://{id}")])
}

fn check_group(group: &Group, selection: &[&str]) -> Result<()> {
    let (program, dir) = (program()?, directory()?);
    let line = program.line("total += 3")?;
    let plan = program.plan(dir.path(), "line")?.to_string_lossy().into_owned();
    let (mut inside, mut outside) = (Turns::start(&program.first)?, Turns::start(&program.first)?);
    let mut other_build = Turns::start(&program.second)?;
    group.take(&inside)?;
    group.take(&other_build)?;
    let mut goat = Goat::attach(&[selection, &["--plan", &plan, "--data-type", "count"]].concat())?;
    inside.ask("one 2")?;
    outside.ask("one 30")?;
    assert_eq!(other_build.ask("one 30")?, "90");
    assert_eq!(goat.count(line)?, Some(2));
    ensure!(outside.is_clean(&program.first)? && other_build.is_clean(&program.second)?, "others are probed");
    // One that comes later.
    let mut later = Turns::start(&program.first)?;
    group.take(&later)?;
    goat.until_said("armed in process", 2)?;
    later.ask("one 5")?;
    assert_eq!(goat.count(line)?, Some(7));
    drop((inside, later));
    goat.until_said("has ended", 2)?;
    group.take(&outside)?;
    goat.until_said("armed in process", 3)?;
    outside.ask("one 1")?;
    assert_eq!(goat.count(line)?, Some(8));
    goat.end()?;
    ensure!(outside.is_clean(&program.first)?, "a probe stays");
    drop((outside, other_build));
    deadline::until("an empty group", || Ok(fs::read_to_string(group.0.join("cgroup.procs"))?.is_empty().then_some(())))
}

/// `unshare` with `flags`, if it works here.
fn unshare(flags: &[&str]) -> Option<Command> {
    let made = Command::new("unshare").args(flags).arg("true").stdin(Stdio::null()).stderr(Stdio::null()).status();
    made.is_ok_and(|status| status.success()).then(|| {
        let mut unshare = Command::new("unshare");
        unshare.args(flags);
        unshare
    })
}

/// The only child of process `pid`.
fn child_of(pid: u32) -> Result<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    children.trim().parse().with_context(|| format!("{children:?} is not one child"))
}

#[test]
fn a_process_in_other_namespaces_is_observed() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let Some(mut unshare) = unshare(&["--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]) else {
        return skip("no namespaces can be made here");
    };
    let (program, dir) = (program()?, directory()?);
    let line = program.line("total += 3")?;
    let plan = program.plan(dir.path(), "line")?.to_string_lossy().into_owned();
    // The file has a name in that mount namespace alone.
    let script = "mount -t tmpfs none \"$1\" && cp \"$0\" \"$1/turns\" && exec \"$1/turns\"";
    let hidden = dir.path().join("hidden");
    fs::create_dir(&hidden)?;
    let mut turns = Turns::by(unshare.args(["sh", "-c", script]).arg(&program.first).arg(&hidden))?;
    turns.set_pid(child_of(turns.pid())?);
    ensure!(!hidden.join("turns").exists(), "the file is visible here");
    let goat = Goat::attach(&["--pid", &turns.pid().to_string(), "--plan", &plan, "--data-type", "count"])?;
    assert_eq!(turns.ask("one 4")?, "12");
    assert_eq!(goat.count(line)?, Some(4));
    goat.end()?;
    ensure!(turns.is_clean(&program.first)?, "a probe stays");
    Ok(())
}

#[test]
fn a_process_is_observed_from_another_pid_namespace_by_its_number_in_proc() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    // goat's /proc is the host's, and goat's own numbers are others.
    let Some(mut unshare) = unshare(&["--pid", "--fork", "--kill-child"]) else {
        return skip("no pid namespace can be made here");
    };
    let (program, dir) = (program()?, directory()?);
    let plan = program.plan(dir.path(), "line")?;
    let report = dir.path().join("report.json");
    let (mut turns, mut other) = (Turns::start(&program.first)?, Turns::start(&program.first)?);
    unshare.arg(goat_tests::goat::binary()?).args(["attach", "--pid", &turns.pid().to_string(), "--exit-with-target"]);
    unshare.args(["--proc", "/proc", "--data-type", "count", "--plan"]).arg(&plan).arg("--report").arg(&report);
    let goat = Goat::start(&mut unshare)?;
    turns.ask("one 4")?;
    other.ask("one 50")?;
    assert_eq!(goat.count(program.line("total += 3")?)?, Some(4));
    drop(turns);
    goat.process.wait()?.succeeded()?;
    let track = Track::parse(&fs::read_to_string(&report)?)?;
    assert_eq!(track.items()?.values().map(|item| item.count).max(), Some(4));
    ensure!(other.is_clean(&program.first)?, "a probe stays");
    Ok(())
}

#[test]
fn a_file_that_is_written_over_is_let_go_before_it_is() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let (program, dir) = (program()?, directory()?);
    let (path, line) = (dir.path().join("turns"), program.line("total += 3")?);
    fs::copy(&program.first, &path)?;
    let plan = program.plan(dir.path(), "line")?.to_string_lossy().into_owned();
    let file = path.to_string_lossy().into_owned();
    let mut goat = Goat::attach(&["--exe", &file, "--plan", &plan, "--data-type", "count"])?;
    let mut turns = Turns::start(&path)?;
    assert_eq!(turns.ask("one 4")?, "12");
    assert_eq!(goat.count(line)?, Some(4));
    // While it runs, no one can.
    let error = fs::write(&path, fs::read(&program.second)?).err().context("a running file was written to")?;
    assert_eq!(error.raw_os_error(), Some(libc::ETXTBSY));
    drop(turns);
    // With the first build's instructions behind its breakpoints, the second would do what neither does.
    fs::write(&path, fs::read(&program.second)?)?;
    let mut other = Turns::start(&path)?;
    assert_eq!(other.ask("one 4")?, "12");
    assert_eq!(other.ask("two 3")?, {
        let mut bare = Turns::start(&program.second)?;
        bare.ask("one 4")?;
        bare.ask("two 3")?
    });
    ensure!(other.is_clean(&path)?, "another build is probed");
    drop(other);
    goat.until_said("is not probed", 1)?;
    fs::write(&path, fs::read(&program.first)?)?;
    goat.until_said("every process of the new", 1)?;
    let mut back = Turns::start(&path)?;
    back.ask("one 1")?;
    assert_eq!(goat.count(line)?, Some(5));
    goat.end()?;
    ensure!(back.is_clean(&program.first)?, "a probe stays");
    Ok(())
}
