//! Processes by container or control group.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// Where control groups are mounted: the one hierarchy of version 2, or beside those of version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// The length of a container's id, in hexadecimal digits, with every runtime.
const ID: usize = 64;

/// How deep groups are followed.
const MAX_DEPTH: usize = 32;

/// The directory of the group `path`: absolute, or as /proc/PID/cgroup has it, from where groups are mounted.
pub(super) fn directory(path: &Path) -> io::Result<PathBuf> {
    let below = path.strip_prefix("/").unwrap_or(path);
    let candidates = [path.to_owned()].into_iter().filter(|p| p.is_absolute());
    let candidates = candidates.chain(MOUNTS.iter().map(|mount| Path::new(mount).join(below)));
    let found = candidates.into_iter().find(|dir| dir.join("cgroup.procs").is_file());
    found.ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, "it has no cgroup.procs, and is in no mounted hierarchy")
    })
}

/// The processes of the group at `directory` and of those below it.
pub(super) fn members(directory: &Path) -> Vec<u32> {
    let mut pids = Vec::new();
    let mut open = vec![(directory.to_owned(), 0)];
    while let Some((dir, depth)) = open.pop() {
        // A group may be removed at any time, and then has no processes; a threaded one has no list of its own.
        let listed = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        // 0: a process of a pid namespace that goat does not see.
        pids.extend(listed.lines().filter_map(|line| line.parse::<u32>().ok()).filter(|pid| *pid != 0));
        if depth < MAX_DEPTH {
            let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
            let dirs = entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
            open.extend(dirs.map(|e| (e.path(), depth + 1)));
        }
    }
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// A container's id as it is printed (`containerd://0123...`), without its runtime.
pub(super) fn id(text: &str) -> &str {
    text.rsplit("://").next().unwrap_or(text)
}

/// The ids of the containers that the text of /proc/PID/cgroup names, if they begin with `prefix`.
pub(super) fn containers(cgroups: &str, prefix: &str) -> BTreeSet<String> {
    let ids = cgroups.lines().filter_map(|line| container(line.splitn(3, ':').nth(2)?));
    ids.filter(|id| id.starts_with(prefix)).map(Into::into).collect()
}

/// The innermost container in a group's path, by the patterns of docker, containerd, cri-o and podman:
/// `/docker/ID`, `/system.slice/docker-ID.scope`, `/kubepods/burstable/podUID/ID`, `cri-containerd-ID.scope`,
/// `kubepods-podUID.slice:cri-containerd:ID`, `crio-ID.scope`, `libpod-ID.scope/container`. What only watches over a
/// container (`crio-conmon-ID.scope`) is not in it.
fn container(path: &str) -> Option<&str> {
    path.rsplit('/').find_map(|part| {
        let part = part.strip_suffix(".scope").unwrap_or(part);
        let id = part.rsplit(['-', ':']).next()?;
        let is_id = id.len() == ID && id.bytes().all(|b| b.is_ascii_hexdigit());
        (is_id && !part.contains("conmon")).then_some(id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "a3f5c0ffee00000000000000000000000000000000000000000000000000000a";
    const B: &str = "b3f5c0ffee00000000000000000000000000000000000000000000000000000b";

    #[test]
    fn containers_are_found_by_the_patterns_of_their_runtimes() {
        let check = |cgroups: &str, expected: Option<&str>| {
            let found = containers(&cgroups.replace("ID", A).replace("OTHER", B), "");
            assert_eq!(found.into_iter().collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>(), "{cgroups}");
        };
        check("0::/system.slice/docker-ID.scope\n", Some(A));
        check("12:cpu,cpuacct:/docker/ID\n4:memory:/docker/ID\n0::/docker/ID\n", Some(A));
        check(
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-ID.scope",
            Some(A),
        );
        check("0::/kubepods/besteffort/pod8d7a1b2c-0000-4444-8888-000000000000/ID", Some(A));
        check("0::/kubepods-burstable-pod1_2.slice:cri-containerd:ID", Some(A));
        check("0::/kubepods.slice/kubepods-pod1.slice/crio-ID.scope/container", Some(A));
        check("0::/machine.slice/libpod-ID.scope/container", Some(A));
        check("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope", Some(A));
        // From inside another group namespace, and a container in a container.
        check("0::/../cri-containerd-ID.scope", Some(A));
        check("0::/docker/OTHER/docker/ID", Some(A));
        // The monitor of a container is not in it.
        check("0::/kubepods.slice/crio-conmon-ID.scope", None);
        check("0::/machine.slice/libpod-conmon-ID.scope", None);
        check("0::/system.slice/ssh.service", None);
        check("0::/docker/a3f5c0ffee", None);
        check("", None);
    }

    #[test]
    fn a_container_is_named_by_the_beginning_of_its_id() {
        let cgroups = format!("0::/docker/{A}\n");
        let check = |name: &str, expected: bool| {
            assert_eq!(!containers(&cgroups, id(name)).is_empty(), expected, "{name}");
        };
        check("a3f5c0ffee", true);
        check(A, true);
        check("containerd://a3f5", true);
        check("cri-o://b3f5", false);
        check("3f5c", false);
    }

    #[test]
    fn members_are_those_of_the_groups_below_too() {
        // Control groups are directories with a list; any directory will do.
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        fs::write(root.path().join("cgroup.procs"), "12\n3\n0\n").unwrap();
        fs::write(below.join("cgroup.procs"), "7\n12\n").unwrap();
        assert_eq!(members(root.path()), [3, 7, 12]);
        assert_eq!(directory(root.path()).unwrap(), root.path());
        assert_eq!(members(&root.path().join("gone")), Vec::<u32>::new());
        assert!(directory(Path::new("/no/such/group")).is_err());
    }
}
