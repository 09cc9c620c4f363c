//! What a person has selected, as processes: those that are there now, and those that come back.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Error, cgroup,
    process::{Proc, Process, inaccessible},
    scan::Scan,
};

/// What is to be observed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selection {
    /// These processes, and what takes their place.
    Pids(Vec<u32>),
    /// Every process of a container, by its id or the beginning of it.
    Container(String),
    /// Every process of a control group and of those below it.
    Cgroup(PathBuf),
}

/// Looks for the processes of a selection.
pub struct Finder {
    proc: Proc,
    kind: Kind,
    /// Those that were found and are there still.
    held: Vec<Arc<Process>>,
}

enum Kind {
    Pids { places: Vec<Place>, scan: Scan },
    Container { id: String, scan: Scan },
    Cgroup(PathBuf),
}

/// A process that was named, or what has taken its place.
struct Place {
    process: Arc<Process>,
    /// The file that it ran, by its own name for it.
    exe: PathBuf,
    /// When it was found to be gone.
    lost: Option<Instant>,
}

/// How much earlier than the end of a process what takes its place may have started.
const OVERLAP: Duration = Duration::from_secs(2);

/// What the kernel puts behind the path of a file that has none any more.
const DELETED: &str = " (deleted)";

impl Finder {
    /// Looks for `selection` in `proc`. A process that is not there is an error, and so is a container or group.
    pub fn open(selection: &Selection, proc: &Proc) -> Result<Self, Error> {
        let mut held = Vec::new();
        let kind = match selection {
            Selection::Pids(pids) => {
                let mut places = Vec::new();
                for pid in pids {
                    let process = Arc::new(Process::open(proc, *pid)?);
                    let link = process.exe().map_err(|e| inaccessible(process.shown("exe"), e))?;
                    let exe = without_deleted(&link).to_owned();
                    held.push(Arc::clone(&process));
                    places.push(Place { process, exe, lost: None });
                }
                Kind::Pids { places, scan: Scan::default() }
            }
            Selection::Container(name) => {
                let prefix = cgroup::id(name);
                let of = |pid| cgroup::containers(&cgroups(proc, pid), prefix);
                let found: std::collections::BTreeSet<String> = proc.pids().into_iter().flat_map(of).collect();
                match found.into_iter().collect::<Vec<_>>().as_slice() {
                    [] => return Err(Error::NoContainer { name: name.clone(), proc: proc.root().into() }),
                    [id] => Kind::Container { id: id.clone(), scan: Scan::default() },
                    many => return Err(Error::ManyContainers { name: name.clone(), ids: many.join(", ") }),
                }
            }
            Selection::Cgroup(path) => {
                let missing = |source| Error::NoCgroup { path: path.clone(), source };
                Kind::Cgroup(cgroup::directory(path).map_err(missing)?)
            }
        };
        Ok(Self { proc: proc.clone(), kind, held })
    }

    /// The processes that are there now. As long as a process goes on, it is the same `Arc` from call to call. In place of a
    /// process that was named and has ended, there are those that may be its successors: of its path, and not older than its
    /// end; [`Finder::settle`] chooses.
    pub fn poll(&mut self) -> Vec<Arc<Process>> {
        self.held.retain(|process| process.is_current());
        let pids = match &mut self.kind {
            Kind::Pids { places, scan } => candidates(&self.proc, places, scan),
            Kind::Container { id, scan } => {
                scan.find(&self.proc, |pid| cgroup::containers(&cgroups(&self.proc, pid), "").contains(id))
            }
            Kind::Cgroup(dir) => cgroup::members(dir),
        };
        for pid in pids {
            // One that has ended meanwhile is none.
            if !self.held.iter().any(|held| held.pid() == pid)
                && let Ok(process) = Process::open(&self.proc, pid)
            {
                self.held.push(Arc::new(process));
            }
        }
        self.held.clone()
    }

    /// Notes that `process` is what takes the place of one that was named. Others that might have are let go.
    pub fn settle(&mut self, process: &Arc<Process>) {
        let Kind::Pids { places, .. } = &mut self.kind else { return };
        let Some(exe) = exe(process) else { return };
        let free = |p: &Place| p.lost.is_some() && p.exe == exe;
        let own = places.iter().position(|p| free(p) && p.process.pid() == process.pid());
        if let Some(place) = own.or_else(|| places.iter().position(free)).map(|index| &mut places[index]) {
            *place = Place { process: Arc::clone(process), exe, lost: None };
        }
        if places.iter().all(|p| p.lost.is_none()) {
            self.held.retain(|held| places.iter().any(|p| Arc::ptr_eq(&p.process, held)));
        }
    }

    /// Whether `process` is one of those that [`Finder::poll`] gave, and is still in question.
    pub fn holds(&self, process: &Arc<Process>) -> bool {
        self.held.iter().any(|held| Arc::ptr_eq(held, process))
    }

    /// Whether something may still come.
    pub fn waits(&self) -> bool {
        match &self.kind {
            Kind::Pids { places, .. } => places.iter().any(|p| p.lost.is_some()),
            Kind::Container { .. } | Kind::Cgroup(_) => true,
        }
    }
}

/// The processes named, and what may take the places of those that are gone.
fn candidates(proc: &Proc, places: &mut [Place], scan: &mut Scan) -> Vec<u32> {
    for place in &mut *places {
        if place.lost.is_none() && !place.process.is_current() {
            place.lost = Some(Instant::now());
        }
    }
    // What a process becomes by exec(2) is its own successor, whatever its age.
    let runs =
        |pid: u32, exe: &Path| fs::read_link(proc.file(pid, "exe")).is_ok_and(|link| without_deleted(&link) == exe);
    let (anew, gone): (Vec<&Place>, Vec<&Place>) =
        places.iter().filter(|p| p.lost.is_some()).partition(|p| p.process.is_alive() && runs(p.process.pid(), &p.exe));
    let mut found: Vec<u32> = anew.iter().map(|p| p.process.pid()).collect();
    if gone.is_empty() {
        return found;
    }
    let taken: Vec<u32> =
        places.iter().filter(|p| p.lost.is_none()).map(|p| p.process.pid()).chain(found.clone()).collect();
    let is_successor = |pid: u32| {
        let came_after = |place: &Place| {
            let since = place.lost.map_or(Duration::ZERO, |lost| lost.elapsed());
            proc.age(pid).is_some_and(|age| age <= since + OVERLAP)
        };
        !taken.contains(&pid) && gone.iter().any(|place| runs(pid, &place.exe) && came_after(place))
    };
    found.extend(scan.find(proc, is_successor));
    found
}

/// The file that a process runs, by its own name for it.
pub fn exe(process: &Process) -> Option<PathBuf> {
    process.exe().ok().map(|link| without_deleted(&link).to_owned())
}

fn without_deleted(link: &Path) -> &Path {
    link.to_str().and_then(|text| text.strip_suffix(DELETED)).map_or(link, Path::new)
}

fn cgroups(proc: &Proc, pid: u32) -> String {
    fs::read_to_string(proc.file(pid, "cgroup")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn sleep() -> Child {
        Command::new("sleep").arg("600").spawn().unwrap()
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn pids(found: &[Arc<Process>]) -> Vec<u32> {
        found.iter().map(|p| p.pid()).collect()
    }

    #[test]
    fn what_comes_after_the_end_of_a_process_may_take_its_place() {
        let (first, named) = (sleep(), sleep());
        let mut finder = Finder::open(&Selection::Pids(vec![named.id()]), &Proc::default()).unwrap();
        let found = finder.poll();
        assert_eq!(pids(&found), [named.id()]);
        assert!(Arc::ptr_eq(&found[0], &finder.poll()[0]) && !finder.waits());
        end(named);
        let later = sleep();
        let found = finder.poll();
        assert!(finder.waits());
        let successor = found.iter().find(|p| p.pid() == later.id()).unwrap();
        finder.settle(successor);
        assert_eq!(pids(&finder.poll()), [later.id()]);
        assert!(!finder.waits());
        end(later);
        end(first);
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let check = |selection: Selection, expected: &str| {
            let error = Finder::open(&selection, &Proc::default()).err().unwrap().to_string();
            assert!(error.starts_with(expected), "{error}");
        };
        check(Selection::Pids(vec![i32::MAX as u32]), "there is no process 2147483647");
        check(Selection::Container("docker://f00d".into()), "no process below /proc is in a container docker://f00d");
        check(Selection::Cgroup("no/such".into()), "there is no control group no/such");
    }
}
