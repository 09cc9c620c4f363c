//! `cargo xtask bench http`: how soon goat answers on a plan of 10 000 points, how soon a browser shows it, and what a service
//! notices of many who ask, as Markdown tables.

#![expect(clippy::unwrap_used, reason = "a bench that can't be set up has nothing to say")]

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use goat_tests::{
    browser::{Browser, Screen},
    goat, http,
    http::Client,
    live::Live,
    process::Process,
    tool,
};

const REQUESTS: usize = 300;
const PAINTS: usize = 9;
const LISTENERS: usize = 100;
const PER_SECOND: u32 = 1000;
const ROUNDS: usize = 5;
/// What `wrk` is given.
const ROUND: &str = "4s";

fn main() {
    latency();
    under_load();
}

fn latency() {
    let port = http::free_port().unwrap();
    let mut server = Process::start(goat::example("page").unwrap().arg("huge").env("PORT", port.to_string())).unwrap();
    let client = Client::new(port);
    server.until("the page", || client.is_ok("/healthz").then_some(())).unwrap();
    println!("| 10 000 points | median | p99 | bytes |\n| --- | --- | --- | --- |");
    for (what, path, accept) in [
        ("`/track`", "/track", "*/*"),
        ("`/track?state=not-executed`", "/track?state=not-executed", "*/*"),
        ("`/metrics`", "/metrics", "*/*"),
        ("`/verify`", "/verify", "*/*"),
        ("the page", "/track", "text/html"),
    ] {
        let mut times = Vec::new();
        let mut bytes = 0;
        for _ in 0..REQUESTS {
            let started = Instant::now();
            let answer = client.request("GET", path, accept).unwrap();
            times.push(started.elapsed());
            assert_eq!(answer.status, 200);
            bytes = answer.body.len();
            // As people and scrapers ask: now and then.
            thread::sleep(Duration::from_millis(20));
        }
        println!("| {what} | {} | {} | {bytes} |", ms(quantile(&mut times, 0.5)), ms(quantile(&mut times, 0.99)));
    }
    let Some(mut browser) = Browser::start().unwrap() else { return };
    browser.show_on(Screen { width: 1400, height: 1000, dark: false }).unwrap();
    let (mut paints, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..PAINTS {
        browser.open(&format!("http://127.0.0.1:{port}/track")).unwrap();
        let mut time =
            |expression: &str| Duration::from_secs_f64(browser.value(expression).unwrap().as_f64().unwrap() / 1e3);
        paints.push(time("performance.getEntriesByName('first-contentful-paint')[0].startTime"));
        ready.push(time("performance.getEntriesByType('navigation')[0].loadEventEnd"));
    }
    println!("\n| Chromium, 10 000 points | median | slowest |\n| --- | --- | --- |");
    for (what, times) in [("first contentful paint", &mut paints), ("the whole page is there", &mut ready)] {
        println!("| {what} | {} | {} |", ms(quantile(times, 0.5)), ms(quantile(times, 1.0)));
    }
}

/// `wrk` against the service on one core, goat and those who ask it on the other: in turns, without and with them.
fn under_load() {
    if tool::is_missing("wrk", "Debian package wrk") {
        return;
    }
    let Some(live) = Live::start(&[]).unwrap() else { return };
    pin(live.shopd.process.pid(), "0");
    pin(live.process.pid(), "1");
    pin(std::process::id(), "1");
    let port = live.goat.port();
    let mut ratios = Vec::new();
    println!(
        "\n| round | service alone, requests/s | while goat is asked, requests/s | ratio | asked of goat, requests/s | events heard |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    // Disarms what these requests cover.
    wrk(live.shopd.client.port());
    for round in 1..=ROUNDS {
        let alone = wrk(live.shopd.client.port());
        let crowd = Crowd::start(port);
        let started = Instant::now();
        let with = wrk(live.shopd.client.port());
        let (asked, heard) = crowd.stop();
        let asked = asked as f64 / started.elapsed().as_secs_f64();
        ratios.push(with / alone);
        println!("| {round} | {alone:.0} | {with:.0} | {:.3} | {asked:.0} | {heard} |", with / alone);
    }
    ratios.sort_by(f64::total_cmp);
    println!("\nMedian of the ratios: {:.3}.", ratios[ROUNDS / 2]);
}

/// Those who listen and those who ask.
struct Crowd {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    heard: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Crowd {
    fn start(port: u16) -> Self {
        let (stop, asked, heard) = <(Arc<AtomicBool>, Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let mut threads = Vec::new();
        for _ in 0..LISTENERS {
            let (stop, heard) = (Arc::clone(&stop), Arc::clone(&heard));
            threads.push(thread::spawn(move || {
                let mut stream = connect(port, "/track/events");
                let mut chunk = [0; 65_536];
                while !stop.load(Ordering::Relaxed) {
                    if let Ok(len @ 1..) = stream.read(&mut chunk) {
                        let events = chunk[..len].windows(7).filter(|window| window == b"event: ").count();
                        heard.fetch_add(events as u64, Ordering::Relaxed);
                    }
                }
            }));
        }
        const ASKERS: u32 = 4;
        for number in 0..ASKERS {
            let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
            threads.push(thread::spawn(move || {
                let client = Client::new(port);
                let path = ["/track", "/metrics", "/verify", "/healthz"][number as usize % 4];
                let (started, mut sent) = (Instant::now(), 0);
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(client.get(path).unwrap().status, 200);
                    asked.fetch_add(1, Ordering::Relaxed);
                    sent += 1;
                    let due = started + Duration::from_secs(1) * sent * ASKERS / PER_SECOND;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
            }));
        }
        Self { stop, asked, heard, threads }
    }

    fn stop(self) -> (u64, u64) {
        let asked = self.asked.load(Ordering::Relaxed);
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        (asked, self.heard.load(Ordering::Relaxed))
    }
}

fn connect(port: u16, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    stream
}

/// Requests a second.
fn wrk(port: u16) -> f64 {
    let url = format!("http://127.0.0.1:{port}/price?sku=apple&qty=12");
    let out =
        tool::output(Command::new("taskset").args(["-c", "0", "wrk", "-t1", "-c8", "-d", ROUND]).arg(url)).unwrap();
    let line = out.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:")).unwrap();
    line.trim().parse().unwrap()
}

/// All threads of a process to one core.
fn pin(pid: u32, core: &str) {
    tool::output(Command::new("taskset").args(["-a", "-c", "-p", core, &pid.to_string()])).unwrap();
}

fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort();
    times[((times.len() - 1) as f64 * share).round() as usize]
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
