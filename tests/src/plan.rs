//! `goat plan --format json` as the tests read it, and plans as files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::goat;

/// What to plan.
#[derive(Clone)]
pub struct PlanArgs<'a> {
    /// The repository.
    pub repo: &'a Path,
    /// The old side.
    pub old: &'a str,
    /// The new side.
    pub new: &'a str,
    /// The release binary.
    pub binary: &'a Path,
    /// `line`, `patch`, `scope` or `func`.
    pub granularity: &'a str,
    /// 1, 2 or 3.
    pub precision: u8,
}

impl PlanArgs<'_> {
    /// The arguments for goat, `--format` and `-o` left to the caller.
    pub fn to_vec(&self) -> Vec<String> {
        let precision = self.precision.to_string();
        let args = [
            "plan",
            "--repo",
            &self.repo.to_string_lossy(),
            "--old",
            self.old,
            "--new",
            self.new,
            "--binary",
            &self.binary.to_string_lossy(),
            "--granularity",
            self.granularity,
            "--diff-precision",
            &precision,
        ];
        args.map(str::to_owned).to_vec()
    }

    /// Writes the plan to `dir` and gives its path.
    pub fn write(&self, dir: &Path) -> Result<PathBuf> {
        let name = self.binary.file_name().context("the binary has no name")?.to_string_lossy();
        let path = dir.join(format!("{name}-{}{}.goatplan", self.granularity, self.precision));
        let mut args = self.to_vec();
        args.extend(["-o".to_owned(), path.to_string_lossy().into_owned()]);
        goat::run(&args)?.succeeded()?;
        Ok(path)
    }

    /// The plan as JSON, parsed.
    pub fn read(&self) -> Result<Plan> {
        let mut args = self.to_vec();
        args.extend(["--format", "json"].map(str::to_owned));
        let out = goat::run(&args)?.succeeded()?;
        serde_json::from_str(&out.stdout).with_context(|| format!("not a plan: {}", out.stdout))
    }
}

/// A plan.
#[derive(Debug, Deserialize)]
pub struct Plan {
    /// By id.
    pub points: Vec<Point>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// A track point, resolved.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// From 1.
    pub id: u32,
    /// From the repository's root.
    pub file: String,
    /// The first line observed.
    pub line: u32,
    /// The last.
    pub end_line: u32,
    /// The changed lines that it answers for.
    pub lines: Vec<u32>,
    /// As the source names it.
    pub function: String,
    /// `statement`, `part`, `header`, `branch` or `function`.
    pub kind: String,
    /// Whether it has sites.
    pub observable: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Where it is observed.
    pub sites: Vec<Site>,
    /// Copies in which it can't be.
    pub blind: Vec<Blind>,
}

/// A compiled copy of a point in which no site can tell whether it ran.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Blind {
    /// The out-of-line function that holds it.
    pub function: String,
    /// Whether it is in an inlined copy.
    pub inlined: bool,
    /// Why.
    pub reason: String,
}

/// One address that is probed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Site {
    /// The virtual address.
    #[serde(deserialize_with = "number")]
    pub address: u64,
    /// The place in the file.
    #[serde(deserialize_with = "number")]
    pub offset: u64,
    /// The out-of-line function that holds it.
    pub function: String,
    /// Whether it is in an inlined copy.
    pub inlined: bool,
    /// `emulated`, `stepped`, `nop5` or `fault`.
    pub class: String,
    /// The virtual address that is probed instead in some cases.
    #[serde(deserialize_with = "number_or_none", default)]
    pub fallback: Option<u64>,
}

impl Plan {
    /// Where breakpoints may be, each site's own address first; of no fault, which needs none.
    pub fn probed(&self) -> Vec<Vec<u64>> {
        let sites = self.points.iter().flat_map(|point| &point.sites).filter(|site| site.class != "fault");
        let places = |site: &Site| std::iter::once(site.address).chain(site.fallback).collect();
        let distinct: std::collections::BTreeSet<Vec<u64>> = sites.map(places).collect();
        distinct.into_iter().collect()
    }

    /// The same for a goat that counts: it probes the sites themselves.
    pub fn addresses(&self) -> Vec<u64> {
        let own: std::collections::BTreeSet<u64> = self.probed().iter().map(|places| places[0]).collect();
        own.into_iter().collect()
    }
}

fn number_or_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Number(#[serde(deserialize_with = "number")] u64);
    Option::<Number>::deserialize(deserializer).map(|number| number.map(|Number(number)| number))
}

/// An address, which JSON holds as a number or as `"0x..."`.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let hex = |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    value
        .as_u64()
        .or_else(|| value.as_str().and_then(hex))
        .ok_or_else(|| serde::de::Error::custom(format!("{value} is no address")))
}
