//! A real server under HTTP traffic: go-httpbin, which answers requests with what they are about.

use std::path::Path;

use anyhow::{Context, Result};

use crate::truth::{
    subject::{Drive, Program, Subject, Tree},
    toolchain,
};

const MODULE: &str = "github.com/mccutchen/go-httpbin/v2";
/// The newest release for which this was written; the module proxy sends it the first time.
const VERSION: &str = "v2.26.0";

/// One request a line: method, path, `Header: value` and `body=` between `|`.
const REQUESTS: &str = include_str!("httpbin.txt");

pub(super) fn make(dir: &Path) -> Result<Subject> {
    let repo = dir.join("repo");
    let json = toolchain::output(toolchain::go().current_dir(std::env::temp_dir()).args([
        "mod",
        "download",
        "-json",
        &format!("{MODULE}@{VERSION}"),
    ]))?;
    let json: serde_json::Value = serde_json::from_str(&json).context("go mod download wrote no JSON")?;
    let from = json["Dir"].as_str().context("go mod download names no directory")?;
    toolchain::copy_tree(Path::new(from), &repo, &|path| !path.to_string_lossy().ends_with("_test.go"))?;
    toolchain::commit_all(&repo)?;
    let program = Program {
        name: "go-httpbin".to_owned(),
        package: "./cmd/go-httpbin".to_owned(),
        dir: repo.clone(),
        packages: vec!["./...".to_owned()],
        drives: vec![Drive::Service {
            args: ["-host", "127.0.0.1", "-port", "PORT"].map(str::to_owned).to_vec(),
            requests: REQUESTS.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        }],
    };
    let tree = Tree { root: repo.clone(), repo, old: "INIT".to_owned(), new: "HEAD".to_owned(), has_remarks: false };
    let about = format!("the HTTP server {MODULE} {VERSION} under traffic");
    Ok(Subject { name: "httpbin".to_owned(), about, tree, programs: vec![program], profiled: None })
}
