//! From revisions to a plan: the pipeline's arrows, one after the other.

use std::{
    path::Path,
    sync::{Arc, mpsc},
    thread,
};

use anyhow::Context;

use super::{
    args::ReadingArgs,
    dependencies, left_out,
    progress::Progress,
    revision,
    say::{self, HelpExt},
    settings::Settings,
};
use crate::{
    binary::{self, Binary},
    diff::{self, ChangeSet, Precision, Remarks},
    plan::{self, AppInfo, ProbePlan},
    source::{self, MarkerKind, SourceIndex},
    timed::timed,
    track::{self, PathRule, TrackPoints},
};

/// A change, and what of it is to be observed.
pub(super) struct Change {
    pub(super) changes: ChangeSet,
    pub(super) sources: SourceIndex,
    pub(super) points: TrackPoints,
    /// What `+goat:` comments leave out of the change, for people.
    pub(super) left_out: Vec<String>,
    /// What is to be said of dependencies.
    pub(super) remarks: Remarks,
}

/// Takes the lines of blocks between `+goat:` comments out of the change.
fn leave_out_marked(changes: &mut ChangeSet, sources: &SourceIndex) -> Vec<String> {
    let mut said = Vec::new();
    for (file, source) in changes.files.iter_mut().zip(&sources.files) {
        for marker in &source.markers.list {
            let place = format!("{}:{}", file.path, marker.lines.first);
            match marker.kind {
                MarkerKind::Delete => said.push(format!("{place}: nothing is observed from here to +goat:end")),
                MarkerKind::Inserted => said.push(format!(
                    "{place}: calls that the original goat inserted are in this source; they are not observed, and its own `goat clean` removes them"
                )),
                MarkerKind::Unpaired => said.push(format!("{place}: this +goat: comment has no other half and no effect")),
                MarkerKind::Insert => {}
            }
        }
        file.lines = file.lines.without(&source.markers.excluded());
    }
    said
}

/// As far as sources alone can tell.
pub(super) fn change(settings: &Settings) -> anyhow::Result<Change> {
    let progress = Progress::new();
    let options = diff_options(settings)?;
    read(settings, &options, compare(settings, &options, &progress)?, None, &progress)
}

fn diff_options(settings: &Settings) -> anyhow::Result<diff::Options> {
    Ok(diff::Options {
        old: settings.old()?.to_owned(),
        new: settings.new.clone(),
        merge_base: settings.merge_base,
        precision: settings.diff_precision(),
        filter: settings.filter.clone(),
    })
}

/// Compares the revisions.
fn compare(settings: &Settings, options: &diff::Options, progress: &Progress) -> anyhow::Result<ChangeSet> {
    let sides = format!("{} with {}", quoted(&options.old), quoted(&options.new));
    progress.begin(format!("comparing {sides}"));
    let step = |done, total| progress.step(done, total);
    timed("revisions compared", || diff::between_with(&settings.repo, options, &step))
        .with_context(|| format!("cannot compare {sides}"))
}

/// Reads what changed; of dependencies what `binary` holds.
fn read(
    settings: &Settings,
    options: &diff::Options,
    mut changes: ChangeSet,
    binary: Option<(&Binary, &[PathRule])>,
    progress: &Progress,
) -> anyhow::Result<Change> {
    let remarks = if settings.dependencies {
        progress.begin("comparing dependencies");
        let add = || dependencies::add(&settings.repo, options, binary, &mut changes);
        timed("dependencies compared", add).context("cannot compare dependencies")?
    } else {
        Remarks::default()
    };
    progress.aside(|| left_out::warn(&changes));
    progress.begin(format!("reading {} changed files", changes.files.len()));
    let index = || source::index(changes.files.iter().map(|file| (&file.path, &*file.text)));
    let sources = timed("sources read", index);
    let left_out = leave_out_marked(&mut changes, &sources);
    let points = track::select(&changes, &sources, settings.granularity);
    Ok(Change { changes, sources, points, left_out, remarks })
}

/// Opens the binary, says so, and goes on to read what everything else will wait for.
fn open(path: &Path, reading: &ReadingArgs, opened: &mpsc::Sender<anyhow::Result<Arc<Binary>>>) {
    let options = binary::Options { debug_file: reading.debug_file.clone(), ..binary::Options::default() };
    let binary = timed("binary opened", || Binary::open_with(path, &options)).map(Arc::new);
    let names_of = binary.as_ref().ok().cloned();
    // Nobody waits for it if the revisions could not be compared.
    let _ = opened.send(binary.map_err(anyhow::Error::from));
    if let Some(binary) = names_of {
        // An error comes again when the names are asked for.
        let _ = timed("file names read", || binary.files());
    }
}

/// The change that is to be looked for in the binary at `path`, and that.
fn both(
    settings: &Settings,
    path: &Path,
    reading: &ReadingArgs,
    progress: &Progress,
) -> anyhow::Result<(Arc<Binary>, Change)> {
    let options = diff_options(settings)?;
    thread::scope(|scope| {
        let (sender, opened) = mpsc::channel();
        scope.spawn(move || open(path, reading, &sender));
        let binary = || opened.recv().context("reading the binary broke off")?;
        let (binary, changes) = if options.precision == Precision::Blame {
            // The binary first: it is the cheaper of the two to be wrong about.
            (binary()?, compare(settings, &options, progress)?)
        } else {
            let changes = compare(settings, &options, progress);
            (binary()?, changes?)
        };
        let change = read(settings, &options, changes, Some((&binary, &reading.path_map)), progress)?;
        Ok((binary, change))
    })
}

/// All the way, for the binary at `path`.
pub(super) fn plan(settings: &Settings, path: &Path, reading: &ReadingArgs) -> anyhow::Result<ProbePlan> {
    let progress = Progress::new();
    progress.begin(format!("reading {}", path.display()));
    let (binary, Change { changes, sources, points, left_out, remarks }) = both(settings, path, reading, &progress)?;
    progress.aside(|| remarks.notes.iter().for_each(|note| say::note(note)));
    let mut warnings = revision::check(binary.identity(), &changes.new, reading.allow_mismatch)?;
    warnings.extend(left_out);
    warnings.extend(remarks.warnings);
    let inputs = plan::Inputs {
        app: app(settings, &changes),
        granularity: settings.granularity,
        precision: settings.precision,
        main_entries: settings.main_entries.clone(),
        changes: &changes,
        sources: &sources,
        points: &points,
        binary: &binary,
        warnings,
        allow_mismatch: reading.allow_mismatch,
        path_rules: &reading.path_map,
    };
    progress.begin(format!("looking for {} points in {}", points.points.len(), path.display()));
    let resolved = timed("sites chosen", || plan::resolve(&inputs));
    binary.check()?;
    let refuted = matches!(resolved, Err(plan::Error::OtherSources { .. }));
    let plan = resolved.with_context(|| format!("cannot plan for {}", path.display()));
    if refuted {
        return plan.help("name the commit that it was built from with --new, or accept this with --allow-mismatch");
    }
    plan
}

fn app(settings: &Settings, changes: &ChangeSet) -> AppInfo {
    AppInfo {
        name: settings.app_name.clone().unwrap_or_else(|| name_by_default(&settings.repo, changes)),
        version: settings.app_version.clone().unwrap_or_else(|| changes.new.short.clone()),
        old_commit: changes.old.as_ref().map(|old| old.commit.clone()),
        new_commit: changes.new.commit.clone(),
        new_time: changes.new.time,
    }
}

/// The root module's last element, else the directory's name.
fn name_by_default(repo: &Path, changes: &ChangeSet) -> String {
    match changes.modules.get("") {
        Some(module) => module_name(module).to_owned(),
        None => directory_name(repo),
    }
}

/// A module's name for people: `shop` for `example.com/shop/v2`.
pub(super) fn module_name(module: &str) -> &str {
    let is_major =
        |part: &str| part.strip_prefix('v').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let mut parts = module.rsplit('/');
    let last = parts.next().unwrap_or(module);
    if is_major(last) { parts.next().unwrap_or(last) } else { last }
}

pub(super) fn directory_name(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    dir.file_name().map_or_else(|| "app".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn quoted(spec: &str) -> String {
    if spec.is_empty() { "HEAD".to_owned() } else { spec.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_is_called_by_its_modules_last_element() {
        for (module, expected) in [
            ("example.com/shop", "shop"),
            ("example.com/shop/v2", "shop"),
            ("shop", "shop"),
            ("v2", "v2"),
            ("gopkg.in/yaml.v3", "yaml.v3"),
            ("example.com/vault", "vault"),
        ] {
            assert_eq!(module_name(module), expected);
        }
    }
}
