//! Targets that come, go, multiply and are replaced: what they do is right, what is counted is theirs, and nothing stays.

mod fixture;
mod places;

use std::fs;

use anyhow::{Context, Result, ensure};
use fixture::{Goat, Turns, deploy, directory, program};
use goat_tests::kernel;

#[test]
fn a_process_that_is_started_again_goes_on_being_counted() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let (program, dir) = (program()?, directory()?);
    let line = program.line("total += 3")?;
    let (path, plan) = (dir.path().join("turns"), program.plan(dir.path(), "line")?);
    deploy(&program.first, &path)?;
    let mut one = Turns::start(&path)?;
    let plan = plan.to_string_lossy();
    let mut goat = Goat::attach(&["--pid", &one.pid().to_string(), "--plan", &plan, "--data-type", "count"])?;
    assert_eq!(one.ask("one 5")?, "15");
    assert_eq!(goat.count(line)?, Some(5));
    drop(one);
    goat.until_said("has ended", 1)?;
    let mut again = Turns::start(&path)?;
    goat.until_said("armed in process", 2)?;
    assert_eq!(again.ask("one 2")?, "6");
    assert_eq!(goat.count(line)?, Some(7));

    // The same path, and another program: not the plan's.
    drop(again);
    goat.until_said("has ended", 2)?;
    deploy(&program.second, &path)?;
    let mut other = Turns::start(&path)?;
    goat.until_said("runs another build", 1)?;
    ensure!(other.is_clean(&program.second)?, "a process of another build is probed");
    assert_eq!(other.ask("one 2")?, "6");
    assert_eq!(goat.count(line)?, Some(7));
    // Back to the build that there is a plan for.
    drop(other);
    deploy(&program.first, &path)?;
    let mut back = Turns::start(&path)?;
    goat.until_said("armed in process", 3)?;
    back.ask("one 1")?;
    assert_eq!(goat.count(line)?, Some(8));
    goat.end()?;
    ensure!(back.is_clean(&program.first)?, "a probe stays");
    assert_eq!(back.ask("one 1")?, "6");
    Ok(())
}

#[test]
fn several_processes_add_up_and_a_third_is_left_alone() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let (program, dir) = (program()?, directory()?);
    let line = program.line("total += 3")?;
    let plan = program.plan(dir.path(), "line")?;
    // Of its own: another test may observe every process of a file.
    let path = dir.path().join("turns");
    deploy(&program.first, &path)?;
    let (mut one, mut two, mut third) = (Turns::start(&path)?, Turns::start(&path)?, Turns::start(&path)?);
    let pids = format!("{},{}", one.pid(), two.pid());
    let goat = Goat::attach(&["--pid", &pids, "--plan", &plan.to_string_lossy(), "--data-type", "count"])?;
    for (turns, times) in [(&mut one, 1), (&mut two, 10), (&mut third, 100)] {
        assert_eq!(turns.ask(&format!("one {times}"))?, (3 * times).to_string());
    }
    assert_eq!(goat.count(line)?, Some(11));
    ensure!(third.is_clean(&program.first)?, "a process that was not named is probed");
    goat.end()?;
    for turns in [&one, &two, &third] {
        ensure!(turns.is_clean(&program.first)?, "a probe stays in {}", turns.pid());
    }
    Ok(())
}

#[test]
fn a_process_that_becomes_another_program_is_over() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let (program, dir) = (program()?, directory()?);
    let line = program.line("total += 3")?;
    let plan = program.plan(dir.path(), "line")?;
    let path = dir.path().join("turns");
    deploy(&program.first, &path)?;
    let mut turns = Turns::start(&path)?;
    let _sibling = Turns::start(&path)?;
    let (pid, plan) = (turns.pid().to_string(), plan.to_string_lossy().into_owned());
    let mut goat = Goat::attach(&["--pid", &pid, "--plan", &plan, "--data-type", "count"])?;
    turns.ask("one 2")?;
    // The same build, anew: it is found again under its number.
    assert_eq!(turns.ask(&format!("exec {}", path.display()))?, "ready");
    goat.until_said("armed in process", 2)?;
    assert_eq!(turns.ask("one 4")?, "12");
    assert_eq!(goat.count(line)?, Some(6));
    assert_eq!(turns.ask(&format!("exec {}", program.second.display()))?, "ready");
    goat.until_said("runs another program now", 2)?;
    assert_eq!(turns.ask("one 4")?, "12");
    ensure!(turns.is_clean(&program.second)?, "another program is probed");
    assert_eq!(goat.count(line)?, Some(6));
    goat.end()?;
    Ok(())
}

#[test]
fn goat_ends_with_its_process_if_it_is_to() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let (program, dir) = (program()?, directory()?);
    let plan = program.plan(dir.path(), "line")?;
    let turns = Turns::start(&program.first)?;
    let (pid, plan) = (turns.pid().to_string(), plan.to_string_lossy().into_owned());
    let goat = Goat::attach(&["--pid", &pid, "--plan", &plan, "--exit-with-target"])?;
    drop(turns);
    let outcome = goat.process.wait()?.succeeded()?;
    ensure!(outcome.stderr.contains("has ended"), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn each_build_of_a_rolling_deploy_has_its_plan() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let (program, dir) = (program()?, directory()?);
    let plans = dir.path().join("plans");
    fs::create_dir(&plans)?;
    program.plan(&plans, "line")?;
    program.plan_of_second(&plans)?;
    let path = dir.path().join("turns");
    deploy(&program.first, &path)?;
    let mut old = Turns::start(&path)?;
    let (file, plans) = (path.to_string_lossy(), plans.to_string_lossy());
    let mut goat = Goat::attach(&["--exe", &file, "--plans", &plans, "--data-type", "count"])?;
    old.ask("one 4")?;
    let first = program.line("total += 3")?;
    assert_eq!(goat.count(first)?, Some(4));

    deploy(&program.second, &path)?;
    goat.until_said("every process of the new", 1)?;
    let mut new = Turns::start(&path)?;
    assert_eq!(new.ask("two 3")?, "-8");
    old.ask("one 1")?;
    // As long as a process of the first build runs, its plan is the answer.
    assert_eq!(goat.count(first)?, Some(5));
    let second = goat.track()?;
    drop(old);
    let added = program.line("total ^= 5")? + 1;
    goat.process.until("the second build's plan", || {
        let track = goat_track(&goat.client).ok()?;
        (track.version != second.version).then_some(())
    })?;
    assert_eq!(goat.count(added)?, Some(3));
    goat.end()?;
    ensure!(new.is_clean(&program.second)?, "a probe stays");
    Ok(())
}

fn goat_track(client: &goat_tests::http::Client) -> Result<goat_tests::track::Track> {
    goat_tests::track::Track::parse(&client.get("/track")?.body)
}

#[test]
fn a_plan_that_changes_is_taken_up_and_a_bad_one_is_refused() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let (program, dir) = (program()?, directory()?);
    let (first, second) = (program.line("total += 3")?, program.line("total ^= 5")?);
    let by_line = program.plan(dir.path(), "line")?;
    let by_function = program.plan(dir.path(), "func")?;
    let plan = dir.path().join("plan");
    let put = |content: &[u8]| -> Result<()> {
        fs::write(dir.path().join("new"), content)?;
        fs::rename(dir.path().join("new"), &plan).context("renaming")
    };
    put(&fs::read(&by_line)?)?;
    let mut turns = Turns::start(&program.first)?;
    let (pid, given) = (turns.pid().to_string(), plan.to_string_lossy().into_owned());
    let mut goat = Goat::attach(&["--pid", &pid, "--plan", &given, "--data-type", "count"])?;
    turns.ask("one 2")?;
    put(b"no plan")?;
    goat.until_said("was refused, and what was there before goes on", 1)?;
    turns.ask("one 1")?;
    assert_eq!(goat.count(first)?, Some(3));

    // Other points altogether.
    put(&fs::read(&by_function)?)?;
    goat.until_said("reloaded: 2 points", 1)?;
    turns.ask("one 5")?;
    assert_eq!(goat.count(first)?, None);
    assert_eq!(goat.track()?.items()?.values().map(|item| item.count).max(), Some(1));
    // A plan for a build that is not the process's: it is probed by its old plan as before.
    put(&fs::read(program.plan_of_second(dir.path())?)?)?;
    goat.process.signal(libc::SIGHUP)?;
    turns.ask("one 5")?;
    assert_eq!(goat.track()?.items()?.values().map(|item| item.count).max(), Some(2));
    put(&fs::read(&by_line)?)?;
    goat.until_said("reloaded: 2 points", 2)?;
    turns.ask("two 6")?;
    assert_eq!((goat.count(first)?, goat.count(second)?), (Some(0), Some(6)));
    ensure!(goat.process.is_running()?, "goat has ended");
    goat.end()?;
    ensure!(turns.is_clean(&program.first)?, "a probe stays");
    Ok(())
}

#[test]
fn a_goat_yaml_that_changes_is_taken_up_and_counts_are_kept() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let (program, dir) = (program()?, directory()?);
    let (first, second) = (program.line("total += 3")?, program.line("total ^= 5")?);
    let config = dir.path().join("goat.yaml");
    let say = |text: &str| fs::write(&config, text).context("writing goat.yaml");
    say("oldBranch: old\nnewBranch: first\ngranularity: line\ndataType: bool\n")?;
    let mut turns = Turns::start(&program.first)?;
    let (pid, repo) = (turns.pid().to_string(), program.repo.to_string_lossy().into_owned());
    let file = config.to_string_lossy().into_owned();
    let mut goat = Goat::attach(&["--config", &file, "--repo", &repo, "--diff-precision", "2", "--pid", &pid])?;
    turns.ask("one 9")?;
    assert_eq!((goat.count(first)?, goat.count(second)?), (Some(1), Some(0)));

    say("oldBranch: old\nnewBranch: first\ngranularity: lines\ndataType: count\n")?;
    goat.until_said("unknown granularity", 1)?;
    say("oldBranch: old\nnewBranch: first\ngranularity: line\ndataType: count\n")?;
    goat.until_said("reloaded: 2 points", 1)?;
    // What ran once at least has run once; from now on it is counted.
    assert_eq!((goat.count(first)?, goat.count(second)?), (Some(1), Some(0)));
    turns.ask("one 9")?;
    turns.ask("two 2")?;
    assert_eq!((goat.count(first)?, goat.count(second)?), (Some(10), Some(2)));
    say("oldBranch: old\nnewBranch: first\ngranularity: patch\ndataType: count\nignores: []\n")?;
    goat.until_said("reloaded: 2 points", 2)?;
    turns.ask("one 1")?;
    assert_eq!((goat.count(first)?, goat.count(second)?), (Some(11), Some(2)));
    // Back to whether: a covered point has no probe any more.
    say("oldBranch: old\nnewBranch: first\ngranularity: patch\ndataType: bool\n")?;
    goat.until_said("reloaded: 2 points", 3)?;
    assert_eq!((goat.count(first)?, goat.count(second)?), (Some(1), Some(1)));
    goat.process.until("no probe where all is covered", || turns.is_clean(&program.first).ok()?.then_some(()))?;
    goat.end()?;
    Ok(())
}
