//! Identities against `go version -m` and `go tool buildid`.

use std::process::Command;

use super::go_build::{Build, output};
use crate::binary::{identity, object::Image};

#[test]
fn an_identity_is_what_go_says_of_the_binary() {
    for build in Build::WITH_DWARF.into_iter().chain([Build::Stripped]) {
        let Some(path) = build.binary() else { continue };
        let found = identity::read(&Image::open(&path).unwrap()).unwrap();
        let Some(id) = output(Command::new("go").args(["tool", "buildid"]).arg(&path)) else { return };
        assert_eq!(found.go_build_id.as_deref(), Some(id.trim()), "{build:?}");
        let Some(text) = output(Command::new("go").args(["version", "-m"]).arg(&path)) else { return };
        let mut lines = text.lines();
        let version = lines.next().unwrap().rsplit_once(": ").unwrap().1;
        assert_eq!(found.go_version, version, "{build:?}");
        let mut settings = found.settings.iter();
        for line in lines {
            match *line.trim().split('\t').collect::<Vec<_>>() {
                ["path", path] => assert_eq!(found.path, path, "{build:?}"),
                ["mod", path, version, ..] => {
                    let module = found.module.as_ref().unwrap();
                    assert_eq!((&*module.path, &*module.version), (path, version), "{build:?}");
                }
                ["build", setting] => {
                    let (key, value) = settings.next().unwrap();
                    // Rust quotes these values as Go does.
                    let quoted = format!("{key}={value:?}");
                    assert!(setting == format!("{key}={value}") || setting == quoted, "{build:?}: {setting}, {quoted}");
                }
                _ => {}
            }
        }
        assert_eq!(settings.next(), None, "{build:?}");
        assert!(found.settings.len() > 3, "{build:?}");
        assert_eq!(
            found.arch,
            if build == Build::Arm64 || cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "{build:?}"
        );
        assert_eq!(found.path, "example.com/shop", "{build:?}");
    }
}

#[test]
fn build_information_is_found_without_sections() {
    for build in [Build::Plain, Build::Pie] {
        let Some(path) = build.binary() else { continue };
        let mut bytes = std::fs::read(&path).unwrap();
        let whole = identity::read(&Image::parse(&path, bytes.clone()).unwrap()).unwrap();
        // e_shoff; then e_shnum and e_shstrndx.
        bytes[40..48].fill(0);
        bytes[60..64].fill(0);
        let found = identity::read(&Image::parse(&path, bytes).unwrap()).unwrap();
        assert_eq!(found, identity::Identity { go_build_id: None, gnu_build_id: None, ..whole }, "{build:?}");
        assert!(!found.go_version.is_empty(), "{build:?}");
    }
}
