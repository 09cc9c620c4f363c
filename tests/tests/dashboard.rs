//! The page in a real browser, beside a goat that probes a real service.

use anyhow::{Context, Result, ensure};
use goat_tests::{
    browser::{Browser, Screen},
    http::Client,
    live::Live,
    original,
    process::Process,
    shop,
};
use serde_json::Value;

const SCREENS: [Screen; 6] = [
    Screen { width: 320, height: 1000, dark: false },
    Screen { width: 320, height: 1000, dark: true },
    Screen { width: 768, height: 1000, dark: false },
    Screen { width: 768, height: 1000, dark: true },
    Screen { width: 1400, height: 1000, dark: false },
    Screen { width: 1400, height: 1000, dark: true },
];

/// Opens the page, looks, filters, sends the service a request, and sees its lines turn without a reload.
#[test]
fn lines_turn_as_the_service_runs_them() -> Result<()> {
    let Some(live) = Live::start(&[])? else { return Ok(()) };
    let Some(mut browser) = Browser::start()? else { return Ok(()) };
    browser.show_on(SCREENS[4])?;
    browser.open(&format!("{}/", live.url()))?;
    browser.value("window.notReloaded = true")?;
    // As many points in each state as /track says.
    let track: Value = serde_json::from_str(&live.goat.get("/track?component=cmd/shopd")?.body)?;
    let release =
        format!("{} {}", track["name"].as_str().unwrap_or_default(), track["version"].as_str().unwrap_or_default());
    assert_eq!(browser.text("document.querySelector('h1').textContent")?, release);
    let metrics = &track["results"][0]["metrics"];
    for (state, field) in [("covered", "covered"), ("not-executed", "notExecuted"), ("unobservable", "unobservable")] {
        let shown =
            browser.text(&format!("document.querySelector('.legend [data-state=\"{state}\"] b').textContent"))?;
        assert_eq!(shown, metrics[field].to_string(), "{state}");
    }

    // A filter shows its lines alone, and the address has it.
    browser.click(".legend [data-state=\"unobservable\"] button")?;
    browser.until("document.querySelectorAll('.file li[data-state]:not([hidden]):not(.aside)').length > 0")?;
    let others = "[...document.querySelectorAll('.file:not([hidden]) ol:not([hidden]) li:not([hidden]):not(.aside)')]\
                  .filter(e => e.dataset.state !== 'unobservable' && !e.querySelector('.branch[data-state=\"unobservable\"]')).length";
    assert_eq!(browser.value(others)?, 0);
    assert_eq!(browser.text("location.search")?, "?state=unobservable");
    browser.click("#clear")?;
    assert_eq!(browser.text("location.search")?, "");

    // Keys: the search, and from line to line that did not run.
    browser.press("/")?;
    assert_eq!(browser.text("document.activeElement.id")?, "q");
    browser.value("document.activeElement.blur()")?;
    let here = "document.activeElement.dataset.state + ' ' + document.activeElement.id";
    browser.press("j")?;
    let first = browser.text(here)?;
    browser.press("j")?;
    let second = browser.text(here)?;
    browser.press("k")?;
    assert_eq!(browser.text(here)?, first);
    ensure!(first != second && first.starts_with("not-executed f"), "{first}, {second}");
    browser.press("?")?;
    browser.until("document.getElementById('help').open")?;
    browser.click("#close")?;
    browser.until("!document.getElementById('help').open")?;

    // The service runs.
    let covered = "Number(document.querySelector('.legend [data-state=\"covered\"] b').textContent)";
    let before = browser.value(covered)?.as_u64().context("no number")?;
    shop::send(&original::wire()?, "T1", &live.shopd.client)?;
    let now: Value = serde_json::from_str(&live.goat.get("/track?component=cmd/shopd")?.body)?;
    let now = now["results"][0]["metrics"]["covered"].as_u64().context("no number")?;
    ensure!(now > before, "T1 covers nothing");
    browser.until(&format!("{covered} === {now}"))?;
    browser.until("document.getElementById('news').textContent.includes('covered')")?;
    assert_eq!(browser.value("window.notReloaded")?, true);
    let rows =
        "new Set([...document.querySelectorAll('.file [data-state=\"covered\"]')].map(e => e.dataset.point)).size";
    assert_eq!(browser.value(rows)?.as_u64(), Some(now));
    ensure!(
        browser
            .text("document.querySelector('.file [data-state=\"covered\"] .say').textContent")?
            .starts_with("ran, first ")
    );
    let path = browser.screenshot("lines-turned")?;
    ensure!(path.exists());

    // What a reader without eyes is told.
    for (selector, least) in
        [("header", 1), ("main", 1), ("nav[aria-label]", 2), ("[role=search]", 1), ("[aria-live=polite]", 1)]
    {
        let found = browser.value(&format!("document.querySelectorAll({selector:?}).length"))?;
        ensure!(found.as_u64() >= Some(least), "{selector}: {found}");
    }
    assert_eq!(browser.value("document.querySelectorAll('button:not([aria-label])').values().filter(b => !b.textContent.trim()).toArray().length")?, 0);

    // goat goes, and the page says so.
    live.process.signal(libc::SIGTERM)?;
    live.process.wait()?;
    browser.until("document.getElementById('link').dataset.up === 'false'")?;
    assert_eq!(complaints(&browser), [""; 0]);
    Ok(())
}

/// What the browser complains of, but for servers that the test has ended.
fn complaints(browser: &Browser) -> Vec<&str> {
    let ended = ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED", "ERR_CONNECTION_RESET"];
    let all = browser.complaints().iter().map(String::as_str);
    all.filter(|complaint| !ended.iter().any(|end| complaint.contains(end))).collect()
}

/// No screen makes the page wider than itself, in any scene; the pictures are for people to look at.
#[test]
fn every_scene_fits_every_screen() -> Result<()> {
    let Some(mut browser) = Browser::start()? else { return Ok(()) };
    for scene in ["live", "covered", "empty", "down", "huge"] {
        let (_server, url) = serve(scene)?;
        for screen in SCREENS {
            browser.show_on(screen)?;
            browser.open(&url)?;
            let tone = if screen.dark { "dark" } else { "light" };
            browser.screenshot(&format!("{scene}-{}-{tone}", screen.width))?;
            let wide = browser.value("document.documentElement.scrollWidth")?.as_u64();
            ensure!(wide <= Some(screen.width.into()), "{scene} on {screen:?} is {wide:?} wide");
        }
        let down = browser.value("!document.getElementById('down').hidden")?;
        assert_eq!(down, scene == "down", "{scene}");
    }
    assert_eq!(complaints(&browser), [""; 0]);
    Ok(())
}

/// The page as a file: its script works, and it asks no one.
#[test]
fn a_frozen_page_filters_without_a_server() -> Result<()> {
    let Some(mut browser) = Browser::start()? else { return Ok(()) };
    let (server, url) = serve("live")?;
    let port: u16 = url.rsplit(':').next().and_then(|port| port.trim_matches('/').parse().ok()).context("no port")?;
    let page = Client::new(port).get("/report?format=html")?;
    drop(server);
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("report.html");
    std::fs::write(&file, page.body)?;
    browser.show_on(SCREENS[4])?;
    browser.open(&format!("file://{}", file.display()))?;
    browser.click(".legend [data-state=\"unobservable\"] button")?;
    browser.until("document.getElementById('shown').textContent === '1 line'")?;
    browser.screenshot("frozen")?;
    assert_eq!(browser.complaints(), [""; 0]);
    Ok(())
}

/// The example's page with made-up counts.
fn serve(scene: &str) -> Result<(Process, String)> {
    let port = goat_tests::http::free_port()?;
    let mut server = Process::start(goat_tests::goat::example("page")?.arg(scene).env("PORT", port.to_string()))?;
    let client = Client::new(port);
    server.until("the page", || client.is_ok("/healthz").then_some(()))?;
    Ok((server, format!("http://127.0.0.1:{port}/")))
}
