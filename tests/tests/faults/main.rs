//! What goes wrong in production: goat is killed, disks fill up, two goats meet, targets end. The service's answers stay right,
//! nothing is left in its text, and what was counted is not lost.

mod fixture;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use fixture::{Counts, Fixture, all, counts, kept, next};
use goat_tests::{deadline, goat, kernel};

const COUNT: &[&str] = &["--data-type", "count"];

fn times(counts: &Counts, factor: u64) -> Counts {
    counts.iter().map(|(id, count)| (*id, count * factor)).collect()
}

fn is_at_most(less: &Counts, more: &Counts) -> bool {
    less.iter().all(|(id, count)| count <= more.get(id).unwrap_or(&0))
}

#[test]
fn counts_go_on_when_goat_or_the_target_starts_again() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let mut fixture = Fixture::new()?;
    let goat = fixture.goat(COUNT)?;
    fixture.round()?;
    let once = goat.counts()?;
    ensure!(once.values().any(|count| *count > 0), "a round runs nothing of the change");
    goat.end()?;
    assert_eq!(kept(&fixture.state())?, Some(once.clone()));

    let goat = fixture.goat(COUNT)?;
    assert_eq!(goat.counts()?, once);
    fixture.round()?;
    assert_eq!(goat.counts()?, times(&once, 2));
    let ended = goat.end()?;
    ensure!(ended.stderr.contains("counts are kept in "), "{ended:?}");

    fixture.restart()?;
    let goat = fixture.goat(COUNT)?;
    fixture.round()?;
    assert_eq!(goat.counts()?, times(&once, 3));
    goat.end()?;
    fixture.is_untouched()?;
    Ok(())
}

#[test]
fn what_was_covered_before_is_not_armed_again() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let fixture = Fixture::new()?;
    let goat = fixture.goat(&[])?;
    let before = fixture.armed()?;
    assert_eq!(before, fixture.sites());
    fixture.round()?;
    let covered = goat.counts()?;
    let left = deadline::until("disarmed sites", || {
        let armed = fixture.armed()?;
        Ok((armed < before).then_some(armed))
    })?;
    goat.end()?;

    let goat = fixture.goat(&[])?;
    ensure!(fixture.armed()? <= left, "{} sites are armed, and {left} were left", fixture.armed()?);
    assert_eq!(goat.counts()?, covered);
    fixture.round()?;
    assert_eq!(goat.counts()?, covered);
    goat.end()?;
    fixture.is_untouched()
}

#[test]
fn a_killed_goat_leaves_no_probe_and_loses_an_interval_at_most() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let fixture = Fixture::new()?;
    let state = fixture.state();
    // What one round counts, from a goat of its own.
    let goat = fixture.goat_in(&fixture.dir.path().join("other"), COUNT)?;
    fixture.round()?;
    let once = goat.counts()?;
    goat.end()?;

    let load = fixture.load()?;
    let mut seed = 1;
    let mut before = Counts::new();
    let mut longest = Duration::ZERO;
    for life in 0..if all() { 100 } else { 10 } {
        let goat = fixture.goat(COUNT)?;
        let began = goat.counts()?;
        ensure!(is_at_most(&before, &began), "life {life} began with less than the one before had kept");
        // What it says on the way to its end, and when.
        let mut said: Vec<(Instant, Counts)> = vec![(Instant::now(), began)];
        let end = Instant::now() + Duration::from_millis(next(&mut seed) % 2_500);
        while Instant::now() < end {
            let at = Instant::now();
            said.push((at, goat.counts()?));
            thread::sleep(Duration::from_millis(20));
        }
        let killed = Instant::now();
        goat.kill()?;
        fixture.until_untouched()?;
        // Whatever is not in the state was counted after it was written.
        let after = kept(&state)?.unwrap_or_default();
        ensure!(is_at_most(&before, &after), "life {life} has less than the one before: {before:?} {after:?}");
        if let Some((lost, _)) = said.iter().find(|(_, counts)| !is_at_most(counts, &after)) {
            longest = longest.max(killed.duration_since(*lost));
        }
        before = after;
        load.one_more()?;
    }
    let rounds = load.end()?;
    println!("{rounds} rounds; what was lost had been counted for {longest:?} at most");
    // An interval is a second; ten are a machine that is busy with other things.
    ensure!(longest < Duration::from_secs(10), "lost what had been counted for {longest:?}");
    // A round that was under way when the load ended has been counted in part at most.
    ensure!(is_at_most(&before, &times(&once, rounds + 1)), "more was counted than ran: {before:?} in {rounds} rounds");
    ensure!(before.values().any(|count| *count > 0), "nothing was kept");
    let leftovers: Vec<_> = names(&state)?.into_iter().filter(|name| name.contains(".bad")).collect();
    ensure!(leftovers.is_empty(), "{leftovers:?}");
    fixture.is_untouched()
}

#[test]
fn goats_that_come_and_go_leave_nothing_in_a_busy_target() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let fixture = Fixture::new()?;
    let load = fixture.load()?;
    for cycle in 0..if all() { 1_000 } else { 50 } {
        let data_type = if cycle % 2 == 0 { "bool" } else { "count" };
        let goat = fixture.goat(&["--no-state", "--data-type", data_type])?;
        if cycle % 10 == 0 {
            load.one_more()?;
        }
        goat.end()?;
        fixture.is_untouched().with_context(|| format!("cycle {cycle}"))?;
    }
    load.end()?;
    Ok(())
}

#[test]
fn two_goats_on_one_target_count_right_each() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let fixture = Fixture::new()?;
    let alone = fixture.goat_in(&fixture.dir.path().join("other"), COUNT)?;
    fixture.round()?;
    let once = alone.counts()?;
    alone.end()?;

    // The second of a plan and directory has a state of its own, and merged they are the sum.
    let (first, second) = (fixture.goat(COUNT)?, fixture.goat(COUNT)?);
    fixture.round()?;
    assert_eq!((first.counts()?, second.counts()?), (once.clone(), once.clone()));
    first.end()?;
    fixture.round()?;
    assert_eq!(second.counts()?, times(&once, 2));
    second.end()?;
    fixture.is_untouched()?;
    assert_eq!(names(&fixture.state())?.iter().filter(|name| name.ends_with(".goatstate")).count(), 2);
    assert_eq!(kept(&fixture.state())?, Some(times(&once, 3)));

    // Both only ask whether.
    let state = fixture.dir.path().join("whether");
    let (first, second) = (fixture.goat_in(&state, &[])?, fixture.goat_in(&state, &[])?);
    fixture.round()?;
    let whether: Counts = once.iter().map(|(id, count)| (*id, (*count).min(1))).collect();
    assert_eq!((first.counts()?, second.counts()?), (whether.clone(), whether.clone()));
    first.end()?;
    second.end()?;
    fixture.is_untouched()?;

    // One asks whether and takes probes out, the other how often: it must not miss them.
    let all = fixture.sites();
    let covered = whether.values().filter(|count| **count > 0).count();
    ensure!(covered > 0 && all > covered);
    let until_out = || {
        // A point has a site or more, and some sites of this change are shared; half is what tells.
        deadline::until("disarmed sites", || Ok((fixture.armed()? <= all - covered / 2).then_some(())))
    };
    let takes_out = fixture.goat(&["--no-state"])?;
    fixture.round()?;
    until_out()?;
    let counting = fixture.goat(&["--no-state", "--data-type", "count"])?;
    assert_eq!(fixture.armed()?, all);
    for round in 1..=3 {
        fixture.round()?;
        assert_eq!((takes_out.counts()?, counting.counts()?), (whether.clone(), times(&once, round)));
    }
    assert_eq!(fixture.armed()?, all);
    counting.end()?;
    // Alone again, it takes out what the other had put back; also if that went as soon as it had come.
    until_out()?;
    for _ in 0..3 {
        fixture.goat(&["--no-state", "--data-type", "count"])?.end()?;
        until_out()?;
    }
    takes_out.end()?;
    fixture.is_untouched()?;

    let counting = fixture.goat(&["--no-state", "--data-type", "count"])?;
    let takes_out = fixture.goat(&["--no-state"])?;
    for _ in 0..2 {
        fixture.round()?;
    }
    assert_eq!((counting.counts()?, takes_out.counts()?), (times(&once, 2), whether));
    assert_eq!(fixture.armed()?, all);
    // Killed, neither leaves anything.
    counting.kill()?;
    takes_out.kill()?;
    fixture.until_untouched()
}

/// A small file system of its own; `None` where none can be mounted.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Result<Option<Self>> {
        fs::create_dir(at)?;
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "tmpfs"]).arg(at).status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("skipped: no tmpfs can be mounted here");
            return Ok(None);
        }
        Ok(Some(Self(at.into())))
    }

    fn remount(&self, option: &str) -> Result<()> {
        let status = Command::new("mount").args(["-o", &format!("remount,{option}")]).arg(&self.0).status()?;
        ensure!(status.success(), "remounting {option}: {status}");
        Ok(())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Not while someone has a file there: `-l` takes it away once no one has.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

fn status(goat: &fixture::Goat) -> Result<serde_json::Value> {
    Ok(serde_json::from_str(&goat.client.get("/status")?.body)?)
}

#[test]
fn a_disk_that_is_full_or_read_only_stops_nothing() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let fixture = Fixture::new()?;
    let Some(disk) = SmallDisk::mount(&fixture.dir.path().join("disk"))? else { return Ok(()) };
    let state = disk.0.join("goat");
    let mut goat = fixture.goat_in(&state, COUNT)?;
    let said = |goat: &fixture::Goat, what: &str| goat.process.stderr().matches(what).count();
    fixture.round()?;
    let once = goat.counts()?;
    until_kept(&state, &once)?;

    for (fault, repair) in [(Fault::Full, Fault::Full), (Fault::ReadOnly, Fault::ReadOnly)] {
        let before = kept(&state)?.context("nothing is kept")?;
        fault.happen(&disk)?;
        fixture.round()?;
        let client = &goat.client;
        let failure = goat.process.until("a failure in the status", || {
            let answer: serde_json::Value = serde_json::from_str(&client.get("/status").ok()?.body).ok()?;
            Some(answer["state"]["failure"].as_str()?.to_owned())
        })?;
        ensure!(failure.contains("can't write the state"), "{failure}");
        assert_eq!(kept(&state)?, Some(before.clone()), "what was kept stays");
        // It goes on counting all the same.
        ensure!(is_at_most(&before, &goat.counts()?) && before != goat.counts()?);
        repair.pass(&disk)?;
        until_kept(&state, &goat.counts()?)?;
        assert_eq!(status(&goat)?["state"]["failure"], serde_json::Value::Null);
    }
    deadline::until("two warnings", || Ok((said(&goat, "counts are not kept on disk") == 2).then_some(())))?;
    deadline::until("two repairs", || Ok((said(&goat, "counts are kept on disk again") == 2).then_some(())))?;
    let total = goat.counts()?;
    assert_eq!(total, times(&once, 3));
    goat.end()?;

    // Read-only from the start: what was counted before is there, and nothing else is lost.
    disk.remount("ro")?;
    let goat = fixture.goat_in(&state, COUNT)?;
    assert_eq!(goat.counts()?, total);
    fixture.round()?;
    assert_eq!(goat.counts()?, times(&once, 4));
    goat.end()?;
    fixture.is_untouched()
}

#[derive(Clone, Copy)]
enum Fault {
    Full,
    ReadOnly,
}

impl Fault {
    fn happen(self, disk: &SmallDisk) -> Result<()> {
        match self {
            Self::Full => {
                let filler = disk.0.join("filler");
                // As much as there is room for.
                let _ = fs::write(&filler, vec![0; 1 << 20]);
                ensure!(fs::metadata(&filler)?.len() < 1 << 20, "the disk is larger than it should be");
                Ok(())
            }
            Self::ReadOnly => disk.remount("ro"),
        }
    }

    fn pass(self, disk: &SmallDisk) -> Result<()> {
        match self {
            Self::Full => Ok(fs::remove_file(disk.0.join("filler"))?),
            Self::ReadOnly => disk.remount("rw"),
        }
    }
}

fn until_kept(state: &Path, expected: &Counts) -> Result<()> {
    deadline::until("the counts on disk", || Ok((kept(state)?.as_ref() == Some(expected)).then_some(())))
}

#[test]
fn a_torn_state_is_said_and_put_aside() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let fixture = Fixture::new()?;
    let goat = fixture.goat(COUNT)?;
    fixture.round()?;
    let once = goat.counts()?;
    goat.end()?;
    let file = names(&fixture.state())?.into_iter().find(|name| name.ends_with(".goatstate")).context("no state")?;
    let file = fixture.state().join(file);
    let whole = fs::read(&file)?;
    fs::write(&file, &whole[..whole.len() / 2])?;

    let goat = fixture.goat(COUNT)?;
    fixture.round()?;
    assert_eq!(goat.counts()?, once, "counting began anew");
    let ended = goat.end()?;
    ensure!(ended.stderr.contains("the state is torn") && ended.stderr.contains(".goatstate.bad"), "{ended:?}");
    assert_eq!(fs::read(file.with_extension("goatstate.bad"))?, whole[..whole.len() / 2]);
    assert_eq!(kept(&fixture.state())?, Some(once));
    Ok(())
}

#[test]
fn pods_are_merged_and_states_are_cleaned() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let mut fixture = Fixture::new()?;
    let (pod_1, pod_2) = (fixture.dir.path().join("pod-1"), fixture.dir.path().join("pod-2"));
    let report = fixture.dir.path().join("pod-3.json");
    let mut once = Counts::new();
    for (dir, options) in [(&pod_1, vec![]), (&pod_2, vec!["--report", report.to_str().context("a path")?])] {
        let goat = fixture.goat_in(dir, &[COUNT, &options].concat())?;
        fixture.round()?;
        once = goat.counts()?;
        goat.end()?;
        fixture.restart()?;
    }
    let merged = fixture.dir.path().join("all.json");
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let merge = ["merge", &path(&pod_1), &path(&pod_2), &path(&report), "-o", &path(&merged)];
    goat::run(&merge)?.succeeded()?;
    assert_eq!(counts(&fs::read_to_string(&merged)?)?, times(&once, 3));
    // The formats that need a plan find it beside the states.
    for format in ["html", "cover-profile", "markdown"] {
        let shown = goat::run(&["merge", &path(&pod_1), &path(&pod_2), "--format", format])?.succeeded()?;
        ensure!(!shown.stdout.is_empty(), "{format}");
        goat::run(&["report", "--state", &path(&pod_1), "--format", format])?.succeeded()?;
    }
    let twice = goat::run(&["merge", &path(&pod_1), &path(&pod_1)])?;
    ensure!(twice.code() == 1 && twice.stderr.contains("named twice"), "{twice:?}");
    let verified = goat::run(&["verify", "--state", &path(&pod_1), "--min-coverage", "1"])?;
    assert_eq!(verified.code(), 0, "{verified:?}");

    let empty = fixture.dir.path().join("repository");
    fs::create_dir(&empty)?;
    let clean = |dir: &Path, options: &[&str]| -> Result<String> {
        let mut clean = goat::command()?;
        clean.env_remove("GOAT_NO_STATE").args(["clean", "--repo"]).arg(&empty).arg("--state").arg(dir).args(options);
        let ended = goat_tests::process::Process::run(&mut clean)?.succeeded()?;
        Ok(ended.stdout + &ended.stderr)
    };
    let before = names(&pod_1)?.len();
    let said = clean(&pod_1, &["--dry-run"])?;
    ensure!(said.contains("would remove") && names(&pod_1)?.len() == before, "{said}");
    let goat = fixture.goat_in(&pod_1, COUNT)?;
    let said = clean(&pod_1, &[])?;
    ensure!(said.contains("in use by a running goat") && kept(&pod_1)?.is_some(), "{said}");
    goat.end()?;
    let said = clean(&pod_1, &[])?;
    ensure!(said.contains("removed") && names(&pod_1)?.is_empty(), "{said} {:?}", names(&pod_1)?);
    Ok(())
}

#[test]
fn the_status_says_what_is_traced() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let fixture = Fixture::new()?;
    let goat = fixture.goat(&[])?;
    let url = format!("http://127.0.0.1:{}", goat.client.port());
    let shown = goat::run(&["status", "--url", &url])?.succeeded()?.stdout;
    for expected in ["release   shop ", "coverage  0%, 0 of ", "probes    ", "state     ", ".goatstate", "goat      "] {
        ensure!(shown.contains(expected), "{expected:?} is not in\n{shown}");
    }
    let json = goat::run(&["status", "--url", &url, "--format", "json"])?.succeeded()?.stdout;
    let json: serde_json::Value = serde_json::from_str(&json)?;
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/status.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(schema)?)?;
    if let Err(error) = jsonschema::validate(&schema, &json) {
        anyhow::bail!("{error} at {} in {json}", error.instance_path());
    }
    let fields = |value: &serde_json::Value| value.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>());
    assert_eq!(fields(&json), fields(&schema["properties"]), "the schema says all");
    ensure!(json["probes"]["armed"].as_u64() >= Some(fixture.sites() as u64), "{json}");
    assert_eq!(json["goat"]["pid"], serde_json::json!(goat.process.pid()));
    goat.end()?;
    let gone = goat::run(&["status", "--url", &url])?;
    assert_eq!(gone.code(), 1);
    Ok(())
}
