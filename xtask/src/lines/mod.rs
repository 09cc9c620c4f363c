//! `cargo xtask lines`: are the changed lines those that git finds? Many pairs of commits of a real history are compared by goat
//! and by git, line by line.

mod git;
mod graph;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{
    repository,
    truth::{document, toolchain},
};
use graph::{Graph, Pair};

/// How many differences are shown.
const SHOWN: usize = 40;

/// Changed lines by path.
type Lines = BTreeMap<String, BTreeSet<u32>>;

/// What is compared.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A repository with all of its history
    #[arg(long, value_name = "DIR")]
    repo: PathBuf,

    /// How the document calls it
    #[arg(long, value_name = "NAME", default_value = "a repository")]
    name: String,

    /// How many pairs of commits
    #[arg(long, value_name = "N", default_value_t = 200)]
    pairs: usize,

    /// Another seed chooses other pairs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Only this diff precision: 1 against `git blame`, 2 against `git diff -U0 -M`
    #[arg(long, value_name = "1|2", value_parser = clap::value_parser!(u8).range(1..=2))]
    precision: Option<u8>,

    /// Write the figures to docs/accuracy.md
    #[arg(long)]
    write: bool,
}

/// What the example `changed_lines` says of a pair.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ours {
    base: String,
    files: BTreeMap<String, Vec<(u32, u32)>>,
    renamed: BTreeMap<String, String>,
    left_out: BTreeMap<String, String>,
    error: Option<String>,
}

/// What was compared, and what differed.
#[derive(Default)]
struct Figures {
    pairs: usize,
    diverged: usize,
    files: usize,
    lines: usize,
    /// Pairs, files and lines that goat and git do not agree on.
    differing_pairs: usize,
    different: Vec<String>,
    git: Duration,
}

/// Compares; fails where a line differs.
pub(crate) fn run(args: &Args) -> Result<()> {
    let graph = Graph::read(&args.repo)?;
    let pairs = graph.pairs(args.pairs, args.seed);
    println!("{} of {} commits' pairs, seed {}", pairs.len(), graph.ids.len(), args.seed);
    let mut all = Vec::new();
    for precision in [2, 1] {
        if args.precision.is_none_or(|only| only == precision) {
            let began = Instant::now();
            let ours = ours(&args.repo, &graph, &pairs, precision)?;
            let took = began.elapsed();
            let figures = compare(&args.repo, &graph, &pairs, &ours, precision)?;
            show(&figures, precision, took);
            all.push((precision, figures));
        }
    }
    if args.write {
        let text = markdown(args, graph.ids.len(), &all);
        document::section(&repository::root().join("docs/accuracy.md"), document::LINES, &text)?;
    }
    let different: usize = all.iter().map(|(_, figures)| figures.different.len()).sum();
    ensure!(different == 0, "goat and git differ in {different} files");
    Ok(())
}

fn ours(repository: &Path, graph: &Graph, pairs: &[Pair], precision: u8) -> Result<Vec<Ours>> {
    let mut input = String::new();
    for Pair { old, new, .. } in pairs {
        let _ = writeln!(input, "{precision} {} {}", graph.ids[*old], graph.ids[*new]);
    }
    let answers = toolchain::optimised_example("changed_lines", &[repository], &input)?;
    let answers = answers.lines().map(|line| serde_json::from_str(line).context("changed_lines wrote no JSON"));
    let answers: Vec<Ours> = answers.collect::<Result<_>>()?;
    ensure!(answers.len() == pairs.len(), "{} answers for {} pairs", answers.len(), pairs.len());
    Ok(answers)
}

fn compare(repository: &Path, graph: &Graph, pairs: &[Pair], ours: &[Ours], precision: u8) -> Result<Figures> {
    let total = Mutex::new(Figures::default());
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some((pair, ours)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            pairs.get(at).zip(ours.get(at))
        } {
            let began = Instant::now();
            let (files, lines, mut different) = pair_of(repository, graph, *pair, ours, precision)?;
            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
            total.pairs += 1;
            total.diverged += usize::from(pair.diverged);
            total.files += files;
            total.lines += lines;
            total.differing_pairs += usize::from(!different.is_empty());
            total.different.append(&mut different);
            total.git += began.elapsed();
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a thread that compares does not panic"))
    })?;
    let mut figures = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    figures.different.sort();
    Ok(figures)
}

/// How many files and lines git has of a pair, and what is different.
fn pair_of(
    repository: &Path,
    graph: &Graph,
    pair: Pair,
    ours: &Ours,
    precision: u8,
) -> Result<(usize, usize, Vec<String>)> {
    let (old, new) = (&*graph.ids[pair.old], &*graph.ids[pair.new]);
    let named = |what: String| format!("{old}..{new} {what}");
    if let Some(error) = &ours.error {
        return Ok((0, 0, vec![named(error.clone())]));
    }
    let mut different = Vec::new();
    let bases = if pair.diverged { git::merge_bases(repository, old, new)? } else { vec![old.to_owned()] };
    if !bases.contains(&ours.base) {
        different.push(named(format!("compared with {}, git's merge base is {}", ours.base, bases.join(" or "))));
    }
    let mut gits = if precision == 1 {
        let base = graph.ids.iter().position(|id| *id == ours.base).context("the base is no commit of the history")?;
        let wanted = |path: &str| !ours.left_out.contains_key(path);
        git::blame(repository, graph, &graph.history(base), (&ours.base, new), wanted)?
    } else {
        git::diff(repository, &ours.base, new)?
    };
    gits.retain(|path, _| !ours.left_out.contains_key(path));
    let lines = |runs: &Vec<(u32, u32)>| runs.iter().flat_map(|(first, last)| *first..=*last).collect();
    let ours_lines: Lines = ours.files.iter().map(|(path, runs)| (path.clone(), lines(runs))).collect();
    let paths: BTreeSet<&String> = gits.keys().chain(ours_lines.keys()).collect();
    for path in paths {
        let none = BTreeSet::new();
        let (gits, ours) = (gits.get(path).unwrap_or(&none), ours_lines.get(path).unwrap_or(&none));
        if gits != ours {
            let text = |lines: Vec<&u32>| format!("{lines:?}");
            let (only_git, only_ours) = (gits.difference(ours).collect(), ours.difference(gits).collect());
            different.push(named(format!("{path}: only git {}, only goat {}", text(only_git), text(only_ours))));
        }
    }
    if precision == 2 {
        let renamed = git::renamed(repository, &ours.base, new)?;
        for path in ours.files.keys() {
            let (gits, ours) = (renamed.get(path), ours.renamed.get(path));
            if gits != ours {
                different.push(named(format!("{path}: renamed from {gits:?} for git, from {ours:?} for goat")));
            }
        }
    }
    Ok((gits.len(), gits.values().map(BTreeSet::len).sum(), different))
}

fn show(figures: &Figures, precision: u8, took: Duration) {
    let Figures { pairs, diverged, files, lines, differing_pairs, different, git } = figures;
    println!(
        "precision {precision}: {pairs} pairs, {diverged} of them on diverged branches; {files} files, {lines} lines; {differing_pairs} \
         pairs differ, in {} files (goat {:.1} s, git {:.1} s)",
        different.len(),
        took.as_secs_f64(),
        git.as_secs_f64(),
    );
    different.iter().take(SHOWN).for_each(|what| println!("    {what}"));
    if different.len() > SHOWN {
        println!("    and {} more", different.len() - SHOWN);
    }
}

fn markdown(args: &Args, commits: usize, all: &[(u8, Figures)]) -> String {
    let Args { name, pairs, seed, .. } = args;
    let mut text = format!(
        "Whether the changed lines are git's, by `cargo xtask lines --repo DIR --pairs {pairs} --seed {seed}` on the history of {name} \
         ({commits} commits): pairs of commits 1 to 400 steps apart, every fifth on diverged branches and compared from the common \
         ancestor on. Every line of every Go file that is not a test is compared, and at precision 2 which file each was before.\n\n\
         | precision | git's | pairs | on diverged branches | files | lines | files that differ |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for (precision, figures) in all {
        let gits = if *precision == 1 { "`git blame --line-porcelain OLD..NEW`" } else { "`git diff -U0 -M`" };
        let Figures { pairs, diverged, files, lines, different, .. } = figures;
        let _ =
            writeln!(text, "| {precision} | {gits} | {pairs} | {diverged} | {files} | {lines} | {} |", different.len());
    }
    text
}
