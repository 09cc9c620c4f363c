//! goat beside a live shopd, attached by pid: what it answers over HTTP, and that it leaves the service as it found it.

use anyhow::{Context, Result, ensure};
use goat_tests::{
    http::Answer,
    kernel,
    live::{Live, plan_args},
    original,
    shop::{self, Shopd},
    text,
    track::Track,
};

#[test]
fn track_answers_as_the_original_does() -> Result<()> {
    let Some(live) = Live::start(&[])? else { return Ok(()) };
    shop::send(&original::wire()?, "T1", &live.shopd.client)?;

    let track = live.track("/track")?;
    let names: Vec<_> = track.results.iter().map(|component| (component.id, component.name.as_str())).collect();
    assert_eq!(names, [(0, "cmd/shopctl"), (1, "cmd/shopd")]);
    for component in &track.results {
        let metrics = &component.metrics;
        let covered = metrics.items.iter().filter(|item| item.count > 0).count();
        let observed = metrics.items.iter().filter(|item| matches!(&*item.state, "covered" | "not-executed")).count();
        assert_eq!((metrics.covered, metrics.total), (covered, observed), "{}", component.name);
        assert_eq!(metrics.covered_rate, (covered * 100).checked_div(observed).unwrap_or(0));
        assert!(metrics.version.len() == 32 && metrics.version.bytes().all(|b| b.is_ascii_hexdigit()), "{metrics:?}");
        assert!(metrics.items.iter().all(|item| item.name == format!("TRACK_ID_{}", item.id)));
    }
    assert!(track.results[1].metrics.covered > 0, "nothing is covered after T1");

    // The original's fields come first and in its order, for clients that compare text.
    let body = live.goat.get("/track")?.body;
    assert!(body.starts_with(r#"{"name":""#), "{body}");
    for keys in [
        r#""results":[{"id":0,"name":"cmd/shopctl","metrics":{"version":""#,
        r#""items":[{"id":"#,
        r#","name":"TRACK_ID_"#,
    ] {
        assert!(body.contains(keys), "{keys} is not in {body}");
    }
    Ok(())
}

#[test]
fn track_sorts_by_count_or_id() -> Result<()> {
    let Some(live) = Live::start(&["--data-type", "count"])? else { return Ok(()) };
    shop::send(&original::wire()?, "T1", &live.shopd.client)?;
    // Ties come in any order in the original, so only the sorted key is compared.
    let check = |order: &str, key: fn(&(u32, u64)) -> i64, ascending: bool| -> Result<()> {
        for component in live.track(&format!("/track{order}"))?.results {
            let keys: Vec<_> = component.metrics.items.iter().map(|item| key(&(item.id, item.count))).collect();
            let sorted = if ascending { keys.is_sorted() } else { keys.iter().rev().is_sorted() };
            ensure!(sorted, "{order:?}: {keys:?}");
        }
        Ok(())
    };
    let count: fn(&(u32, u64)) -> i64 = |(_, count)| i64::try_from(*count).unwrap_or(i64::MAX);
    let id: fn(&(u32, u64)) -> i64 = |(id, _)| i64::from(*id);
    for order in ["", "?order=0", "?order=9", "?order=-1", "?order=abc", "?order="] {
        check(order, count, true)?;
    }
    check("?order=1", count, false)?;
    check("?order=2", id, true)?;
    check("?order=3", id, false)?;
    check("?component=cmd/shopd&order=3", id, false)
}

#[test]
fn track_selects_components_by_name_or_number() -> Result<()> {
    let Some(live) = Live::start(&[])? else { return Ok(()) };
    let check = |query: &str, expected: &[u32]| -> Result<()> {
        let track = live.track(&format!("/track?component={query}"))?;
        let ids: Vec<_> = track.results.iter().map(|component| component.id).collect();
        ensure!(ids == expected, "{query:?}: {ids:?}");
        Ok(())
    };
    check("", &[0, 1])?;
    check("cmd/shopd", &[1])?;
    check("cmd/shopctl", &[0])?;
    check("0", &[0])?;
    check("1,0", &[1, 0])?;
    check("1,cmd/shopctl", &[1, 0])?;
    check("1,1", &[1, 1])?;
    check("0&component=1", &[0])?;
    for query in ["nosuch", "2", "-1", "0,nosuch", "0,", "0,%201"] {
        let answer = live.goat.get(&format!("/track?component={query}"))?;
        assert_eq!((answer.status, answer.body.trim_end()), (400, "invalid component"), "{query:?}");
    }
    Ok(())
}

#[test]
fn metrics_have_the_originals_names_labels_and_order() -> Result<()> {
    let Some(live) = Live::start(&[])? else { return Ok(()) };
    let wire = original::wire()?;
    shop::send(&wire, "T1", &live.shopd.client)?;
    let answer = live.goat.get("/metrics")?;
    ensure!(answer.status == 200 && answer.content_type.starts_with("text/plain"), "{answer:?}");

    let theirs = wire.recorded.iter().find(|r| r.granularity == "patch").context("not recorded")?;
    let track = live.track("/track")?;
    // Ours may go on with more gauges; the original's lines come first, with our names and numbers.
    let ours: Vec<_> = answer.body.lines().collect();
    for (ours, theirs) in ours.iter().zip(theirs.metrics.lines()) {
        let Some((gauge, labels)) = theirs.split_once('{') else {
            let kind = |line: &str| line.split(' ').take(3).map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(kind(ours), kind(theirs));
            continue;
        };
        let component = track
            .results
            .iter()
            .find(|component| labels.contains(&format!("component=\"{}\"", component.name)))
            .with_context(|| format!("no component for {theirs}"))?;
        let value = match gauge {
            "goat_track_total" => component.metrics.total,
            "goat_track_covered" => component.metrics.covered,
            _ => component.metrics.covered_rate,
        };
        let labels = format!("app=\"{}\",version=\"{}\",component=\"{}\"", track.name, track.version, component.name);
        assert_eq!(*ours, format!("{gauge}{{{labels}}} {value}"));
    }
    ensure!(ours.len() >= theirs.metrics.lines().count(), "{}", answer.body);
    // What goat itself uses differs from one question to the next.
    let track = |path: &str| -> Result<Vec<String>> {
        let body = live.goat.get(path)?.body;
        Ok(body.lines().filter(|line| line.contains("goat_track_")).map(str::to_owned).collect())
    };
    assert_eq!(track("/metrics?component=1")?, track("/metrics")?, "the query selects");
    Ok(())
}

#[test]
fn a_browser_gets_a_page_and_everything_else_json() -> Result<()> {
    let Some(live) = Live::start(&[])? else { return Ok(()) };
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let page = live.goat.request("GET", "/track", BROWSER)?;
    ensure!(page.status == 200 && page.content_type.starts_with("text/html"), "{page:?}");
    ensure!(page.body.contains("internal/ship/ship.go"), "the page names no file: {}", page.body);
    ensure!(
        !page.body.contains("https://") && !page.body.contains("http://"),
        "the page loads something from elsewhere"
    );

    for accept in ["*/*", "application/json", "text/plain"] {
        let answer = live.goat.request("GET", "/track", accept)?;
        ensure!(answer.content_type.starts_with("application/json"), "{accept}: {answer:?}");
    }
    let Answer { status, body, .. } = live.goat.request("HEAD", "/track", "*/*")?;
    assert_eq!((status, &*body), (200, ""));
    assert_eq!(live.goat.get("/healthz")?.status, 200);
    assert_eq!(live.goat.get("/readyz")?.status, 200);
    assert_eq!(live.goat.get("/nosuch")?.status, 404);
    assert_eq!(live.goat.get("/track/")?.status, 404);
    Ok(())
}

#[test]
fn sigusr1_writes_the_report_and_the_probing_goes_on() -> Result<()> {
    let Some(mut live) = Live::start(&[])? else { return Ok(()) };
    shop::send(&original::wire()?, "T1", &live.shopd.client)?;
    let expected = live.goat.get("/track?order=2")?.body;
    live.process.signal(libc::SIGUSR1)?;
    let path = live.report();
    let written =
        live.process.until("a report", || std::fs::read_to_string(&path).ok().filter(|text| !text.is_empty()))?;
    assert_eq!(by_id(&written)?, by_id(&expected)?);

    shop::send(&original::wire()?, "T2", &live.shopd.client)?;
    let later = live.goat.get("/track?order=2")?.body;
    ensure!(by_id(&later)? != by_id(&expected)?, "T2 covered nothing more");
    Ok(())
}

#[test]
fn ctrl_c_detaches_and_the_service_goes_on_as_it_was() -> Result<()> {
    leaves_the_text_as_it_was(libc::SIGINT)
}

#[test]
fn sigterm_detaches_and_the_service_goes_on_as_it_was() -> Result<()> {
    leaves_the_text_as_it_was(libc::SIGTERM)
}

fn leaves_the_text_as_it_was(signal: i32) -> Result<()> {
    if kernel::is_missing() {
        return Ok(());
    }
    let shop = shop::shop()?;
    let addresses = plan_args(&shop).read()?.addresses();
    ensure!(!addresses.is_empty(), "no sites are planned");
    let shopd = Shopd::start(&shop.shopd)?;
    let pid = shopd.process.pid();
    let before = text::bytes(pid, &addresses)?;
    ensure!(!before.contains(&text::INT3), "a breakpoint before goat came");

    let live = Live::attach(&shop, shopd, &["--data-type", "count"])?;
    let armed = text::bytes(pid, &addresses)?;
    let unarmed = armed.iter().filter(|&&byte| byte != text::INT3).count();
    ensure!(unarmed == 0, "{unarmed} of {} sites hold no breakpoint", armed.len());
    shop::send(&original::wire()?, "T1", &live.shopd.client)?;

    live.process.signal(signal)?;
    let Live { process, mut shopd, dir, .. } = live;
    let ended = process.wait()?;
    assert_eq!(ended.code(), 0, "{ended:?}");
    assert_eq!(text::bytes(pid, &addresses)?, before);
    Track::parse(&std::fs::read_to_string(dir.path().join("report.json"))?)?;
    ensure!(shopd.process.is_running()?, "shopd has ended");
    shop::send(&original::wire()?, "T2", &shopd.client)
}

/// Id, count and state of every item in a `/track` body.
fn by_id(body: &str) -> Result<Vec<(u32, u64, String)>> {
    let track = Track::parse(body)?;
    Ok(track.items()?.into_values().map(|item| (item.id, item.count, item.state.clone())).collect())
}
