//! The answer of goat's `/track`, as the demo shows it: each point with its lines, and whether they ran.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::traffic;

/// Asks `track` what ran, and prints it beside the sources in `repo`.
pub(super) fn show(track: &str, repo: &Path, requests: usize) -> Result<()> {
    let mut response = traffic::agent().get(format!("{track}?order=2")).call().context("goat does not answer")?;
    let body = response.body_mut().read_to_string().context("goat's answer breaks off")?;
    let answer: Value = serde_json::from_str(&body).context("goat's answer is no JSON")?;
    let sources = |file: &str| fs::read_to_string(repo.join(file)).unwrap_or_default();
    print!("{}", render(&answer, sources)?);
    println!("after {requests} requests");
    Ok(())
}

fn render(answer: &Value, sources: impl Fn(&str) -> String) -> Result<String> {
    let Some([component]) = answer["results"].as_array().map(Vec::as_slice) else {
        bail!("till is one component, and goat's answer has not one: {answer}");
    };
    let metrics = &component["metrics"];
    let mut text = String::new();
    let mut last = String::new();
    for item in metrics["items"].as_array().into_iter().flatten() {
        let file = item["file"].as_str().context("an item without a file")?;
        if file != last {
            text += &format!("{file}\n");
            last = file.to_owned();
        }
        let mark = match item["state"].as_str() {
            Some("covered") => format!("{:>6}x", item["count"]),
            Some("not-executed") => " NOT RUN".trim_start().to_owned(),
            Some(state) => format!("({})", item["reason"].as_str().unwrap_or(state)),
            None => bail!("an item without a state"),
        };
        let line = item["line"].as_u64().context("an item without a line")?;
        let source = sources(file);
        let code = usize::try_from(line).ok().and_then(|line| source.lines().nth(line.checked_sub(1)?));
        text += &format!("  {mark:>8} {line:>4} {}\n", code.unwrap_or_default().replace('\t', "    "));
    }
    text += &format!("{} of {} covered, {}%", metrics["covered"], metrics["total"], metrics["coveredRate"]);
    if metrics["unobservable"].as_u64().is_some_and(|n| n > 0) {
        text += &format!(", {} can't be observed", metrics["unobservable"]);
    }
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_point_stands_beside_its_line() {
        let answer = serde_json::json!({"results": [{"metrics": {
            "covered": 1, "total": 2, "coveredRate": 50, "unobservable": 1,
            "items": [
                {"file": "a.go", "line": 1, "state": "covered", "count": 3},
                {"file": "a.go", "line": 2, "state": "not-executed", "count": 0},
                {"file": "b.go", "line": 9, "state": "unobservable", "count": 0, "reason": "speculated"},
            ],
        }}]});
        let text = render(&answer, |file| if file == "a.go" { "one()\n\ttwo()\n".into() } else { String::new() });
        assert_eq!(
            text.unwrap(),
            "a.go\n        3x    1 one()\n   NOT RUN    2     two()\nb.go\n  (speculated)    9 \n\
             1 of 2 covered, 50%, 1 can't be observed\n"
        );
    }
}
