//! Bad input: each time a message that says what is wrong and with what, an exit code that is not 0, and no panic; and
//! where a process was to be probed, nothing is in its text.

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use goat_tests::{
    goat, kernel,
    plan::PlanArgs,
    process::{Outcome, Process},
    shop::{self, Shop, Shopd},
    text, tool,
};

/// uid and gid of a user without any rights.
const NOBODY: u32 = 65534;
/// Above the kernel's largest pid, 2^22.
const NO_PID: &str = "4194305";
/// attach serves on a port of its own choice unless told; tests run beside one another.
const ANY_PORT: &str = "127.0.0.1:0";

#[test]
fn a_binary_that_is_none_is_refused() -> Result<()> {
    let shop = shop::shop()?;
    let dir = tempfile::tempdir()?;
    let text = dir.path().join("notes.txt");
    fs::write(&text, "not a binary\n".repeat(100))?;
    let empty = dir.path().join("empty");
    fs::write(&empty, "")?;
    let check = |binary: &Path, expected: &[&str]| refused(&plan(&PlanArgs { binary, ..args(&shop) })?, expected);
    check(Path::new("/bin/ls"), &["/bin/ls", "Go"])?;
    check(&text, &["notes.txt", "ELF"])?;
    check(&empty, &["empty", "ELF"])?;
    check(dir.path(), &[&dir.path().to_string_lossy()])?;
    check(&dir.path().join("nosuch"), &["nosuch", "No such file"])
}

#[test]
fn a_corrupt_binary_is_refused() -> Result<()> {
    let shop = shop::shop()?;
    let dir = tempfile::tempdir()?;
    let whole = fs::read(&shop.shopd)?;
    let binary = dir.path().join("shopd");
    let check = |bytes: &[u8], expected: &[&str]| {
        fs::write(&binary, bytes)?;
        refused(&plan(&PlanArgs { binary: &binary, ..args(&shop) })?, expected)
    };
    for len in [1, 16, 63, 64, 200, 4096, whole.len() / 2] {
        check(&whole[..len], &["shopd"]).with_context(|| format!("truncated to {len} bytes"))?;
    }
    // e_shoff, e_shentsize, e_shnum and e_shstrndx of an ELF64 header.
    for (at, bytes) in [(0x28, &[0xff; 8][..]), (0x3a, &[1, 0]), (0x3c, &[0xff, 0xff]), (0x3e, &[0xfe, 0xff])] {
        let mut bad = whole.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        fs::write(&binary, &bad)?;
        let out = plan(&PlanArgs { binary: &binary, ..args(&shop) })?;
        // Go's own tables are found by program headers too, so that some of these can be read.
        if !out.status.success() {
            refused(&out, &["shopd"]).with_context(|| format!("garbage at {at:#x}"))?;
        }
        ensure!(!out.stderr.contains("panicked"), "garbage at {at:#x}: {}", out.stderr);
    }
    let headers = usize::try_from(u64::from_le_bytes(whole[0x28..0x30].try_into()?))?;
    let mut bad = whole.clone();
    bad[headers..].iter_mut().for_each(|byte| *byte = byte.wrapping_mul(31).wrapping_add(7));
    check(&bad, &["shopd"]).context("garbage section headers")
}

#[test]
fn a_binary_of_another_commit_is_refused_unless_allowed() -> Result<()> {
    let shop = shop::shop()?;
    let other = PlanArgs { binary: &shop.shopd_old, ..args(&shop) };
    let hashes = [&shop::OLD_HASH[..7], &shop::NEW_HASH[..7]];
    refused(&plan(&other)?, &[hashes[0], hashes[1], "--allow-mismatch"])?;

    let mut allowed = other.to_vec();
    allowed.extend(["--allow-mismatch", "--format", "json"].map(str::to_owned));
    let out = goat::run(&allowed)?.succeeded()?;
    let warned = hashes.iter().all(|hash| out.stderr.contains(hash) || out.stdout.contains(hash));
    ensure!(warned, "no warning names both commits: {}", out.stderr);
    Ok(())
}

#[test]
fn revisions_that_cannot_be_compared_are_refused() -> Result<()> {
    let shop = shop::shop()?;
    let dir = tempfile::tempdir()?;
    let check = |args: PlanArgs<'_>, expected: &[&str]| refused(&plan(&args)?, expected);
    check(PlanArgs { old: "v9.9.9", ..args(&shop) }, &["v9.9.9"])?;
    check(PlanArgs { new: "nosuch", ..args(&shop) }, &["nosuch"])?;
    check(PlanArgs { repo: dir.path(), ..args(&shop) }, &[&dir.path().to_string_lossy(), "repository"])?;
    check(PlanArgs { repo: &dir.path().join("gone"), ..args(&shop) }, &["gone"])?;

    // A commit beside v1.1.0, not before it: the message names the one that both come from.
    let repo = dir.path().join("repo");
    shop::make_repository(&repo)?;
    tool::git(&repo, &["checkout", "-q", "-b", "beside", shop::OLD])?;
    fs::write(repo.join("NOTES"), "beside\n")?;
    tool::commit(&repo, 1, "beside")?;
    check(
        PlanArgs { repo: &repo, old: "beside", new: shop::NEW, ..args(&shop) },
        &["beside", "ancestor", &shop::OLD_HASH[..7]],
    )?;

    // A clone as CI makes it.
    let url = format!("file://{}", shop.repo.display());
    tool::git(dir.path(), &["clone", "-q", "--depth", "1", &url, "shallow"])?;
    let shallow = dir.path().join("shallow");
    let base = &tool::git(&shop.repo, &["rev-parse", shop::OLD])?;
    check(PlanArgs { repo: &shallow, old: base, ..args(&shop) }, &["shallow", "--unshallow"])
}

#[test]
fn a_bad_configuration_is_refused_and_a_typing_error_pointed_out() -> Result<()> {
    let shop = shop::shop()?;
    let dir = tempfile::tempdir()?;
    let repo = dir.path().join("repo");
    shop::make_repository(&repo)?;
    let with = |yaml: &str| {
        fs::write(repo.join("goat.yaml"), yaml)?;
        let repo = repo.to_string_lossy();
        let binary = shop.shopd.to_string_lossy();
        goat::run(&[
            "plan", "--repo", &repo, "--old", "v1.0.0", "--new", "v1.1.0", "--binary", &binary, "--format", "json",
        ])
    };
    refused(&with("granularity: line\n  : [\n")?, &["goat.yaml:"])?;
    refused(&with("granularity: lines\n")?, &["goat.yaml", "lines", "patch"])?;
    refused(&with("diffPrecision: 4\n")?, &["goat.yaml", "4"])?;
    refused(&with("dataType: [count]\n")?, &["goat.yaml"])?;
    let warned = with("granularty: line\n")?.succeeded()?;
    for word in ["granularty", "granularity"] {
        ensure!(warned.stderr.contains(word), "no warning says {word}: {}", warned.stderr);
    }
    Ok(())
}

#[test]
fn a_corrupt_plan_is_refused() -> Result<()> {
    let shop = shop::shop()?;
    let dir = tempfile::tempdir()?;
    let good = fs::read(args(&shop).write(dir.path())?)?;
    let target = Target::start(&shop)?;
    let path = dir.path().join("bad.goatplan");
    let check = |bytes: &[u8], what: String| {
        fs::write(&path, bytes)?;
        refused(&target.attach(&path)?, &["bad.goatplan"]).context(what)
    };
    // Every header byte and some of the rest: a checksum must notice each.
    for at in (0..good.len().min(24)).chain((24..good.len()).step_by(good.len() / 16 + 1)) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        check(&bad, format!("byte {at} flipped"))?;
    }
    for len in [0, 3, 8, good.len() / 2, good.len() - 1] {
        check(&good[..len], format!("truncated to {len} bytes"))?;
    }
    check(b"not a plan at all", "a text".to_owned())?;
    refused(&target.attach(&dir.path().join("nosuch.goatplan"))?, &["nosuch.goatplan", "No such file"])?;
    target.finish_untouched()
}

#[test]
fn a_plan_of_another_binary_is_refused() -> Result<()> {
    let shop = shop::shop()?;
    let dir = tempfile::tempdir()?;
    let plan = PlanArgs { binary: &shop.shopd_trimpath, ..args(&shop) }.write(dir.path())?;
    let target = Target::start(&shop)?;
    refused(&target.attach(&plan)?, &["not the binary of the plan"])?;
    target.finish_untouched()
}

#[test]
fn a_process_that_is_not_there_is_refused() -> Result<()> {
    let shop = shop::shop()?;
    let dir = tempfile::tempdir()?;
    let plan = args(&shop).write(dir.path())?;
    let out = goat::run(&["attach", "--pid", NO_PID, "--plan", &plan.to_string_lossy(), "--listen", ANY_PORT])?;
    refused(&out, &[&format!("no process {NO_PID}")])?;
    let out = goat::run(&["run", "--plan", &plan.to_string_lossy(), "--", "./nosuch"])?;
    refused(&out, &["./nosuch"])
}

#[test]
fn without_rights_the_missing_capability_is_named() -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let shop = shop::shop()?;
    let public = PublicDir::new()?;
    let plan = public.copy(&args(&shop).write(public.0.path())?, "shopd.plan")?;
    let shopd = public.copy(&shop.shopd, "shopd")?;
    let goat = public.copy(goat::binary()?, "goat")?;
    let as_nobody = |args: &[&str]| {
        let mut command = std::process::Command::new(&goat);
        command.args(args).env("PORT", "0").current_dir("/").uid(NOBODY).gid(NOBODY);
        Process::run(&mut command)
    };
    let target = Target::start(&shop)?;
    let pid = target.shopd.process.pid().to_string();
    let plan = plan.to_string_lossy();
    refused(&as_nobody(&["attach", "--pid", &pid, "--plan", &plan, "--listen", ANY_PORT])?, &["CAP_"])?;
    target.finish_untouched()?;
    // Its own process, which it may look at: what is left to name is what bpf(2) needs.
    refused(&as_nobody(&["run", "--plan", &plan, "--", &shopd.to_string_lossy()])?, &["CAP_BPF", "CAP_PERFMON"])
}

#[test]
fn a_port_in_use_is_refused_before_anything_is_probed() -> Result<()> {
    let shop = shop::shop()?;
    let dir = tempfile::tempdir()?;
    let plan = args(&shop).write(dir.path())?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let target = Target::start(&shop)?;
    let pid = target.shopd.process.pid().to_string();
    let plan = plan.to_string_lossy();
    let out = goat::run(&["attach", "--pid", &pid, "--plan", &plan, "--listen", &address])?;
    refused(&out, &[&address, "in use"])?;
    target.finish_untouched()?;
    // The program is not even started.
    let started = dir.path().join("started");
    let out = goat::run(&["run", "--plan", &plan, "--listen", &address, "--", "touch", &started.to_string_lossy()])?;
    refused(&out, &[&address, "in use"])?;
    ensure!(!started.exists(), "the program was started");
    Ok(())
}

#[test]
fn arguments_that_make_no_sense_are_refused() -> Result<()> {
    let check = |args: &[&str], expected: &[&str]| refused(&goat::run(args)?, expected);
    check(&["nosuch"], &["nosuch"])?;
    check(&["attach", "--pid", "many"], &["--pid", "many"])?;
    check(&["plan", "--granularity", "word"], &["word", "line", "func"])?;
    check(&["plan", "--diff-precision", "4"], &["4", "--diff-precision"])?;
    check(&["attach", "--plan", "x.goatplan"], &["--pid"])?;
    check(&["run", "--plan", "x.goatplan"], &["COMMAND"])?;
    check(&["attach", "--pid", "1", "--plan", "x.goatplan", "--listen", "nonsense"], &["nonsense"])
}

/// Whether goat refused as it should: with an exit code of its own, no panic, and a message that has all of `expected`.
fn refused(out: &Outcome, expected: &[&str]) -> Result<()> {
    ensure!(out.status.code().is_some_and(|code| code != 0), "{}: {}{}", out.status, out.stdout, out.stderr);
    ensure!(!out.stderr.contains("panicked"), "a panic: {}", out.stderr);
    for part in expected {
        ensure!(out.stderr.contains(part), "{part:?} is not in the message: {}", out.stderr);
    }
    Ok(())
}

fn plan(args: &PlanArgs<'_>) -> Result<Outcome> {
    let mut args = args.to_vec();
    args.extend(["--format", "json"].map(str::to_owned));
    goat::run(&args)
}

fn args(shop: &Shop) -> PlanArgs<'_> {
    PlanArgs { repo: &shop.repo, old: shop::OLD, new: "HEAD", binary: &shop.shopd, granularity: "line", precision: 2 }
}

/// A shopd that must not be touched.
struct Target {
    shopd: Shopd,
    addresses: Vec<u64>,
    before: Vec<u8>,
}

impl Target {
    fn start(shop: &Shop) -> Result<Self> {
        let plan = args(shop).read()?;
        let addresses: Vec<u64> = plan.probed().into_iter().flatten().collect();
        ensure!(!addresses.is_empty(), "no sites are planned");
        let shopd = Shopd::start(&shop.shopd)?;
        let before = text::bytes(shopd.process.pid(), &addresses)?;
        Ok(Self { shopd, addresses, before })
    }

    fn attach(&self, plan: &Path) -> Result<Outcome> {
        let pid = self.shopd.process.pid().to_string();
        goat::run(&["attach", "--pid", &pid, "--plan", &plan.to_string_lossy(), "--listen", ANY_PORT])
    }

    fn finish_untouched(mut self) -> Result<()> {
        ensure!(text::bytes(self.shopd.process.pid(), &self.addresses)? == self.before, "shopd's text has changed");
        ensure!(self.shopd.process.is_running()?, "shopd has ended");
        Ok(())
    }
}

/// A directory that every user may read.
struct PublicDir(tempfile::TempDir);

impl PublicDir {
    fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self(dir))
    }

    fn copy(&self, from: &Path, name: &str) -> Result<PathBuf> {
        let to = self.0.path().join(name);
        fs::copy(from, &to).with_context(|| format!("copying {}", from.display()))?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
        Ok(to)
    }
}
