//! What goat itself takes of the machine, as Prometheus' client libraries name it.

use std::{fs, time::Duration};

use prometheus::proto::MetricFamily;

use crate::report::prometheus::{Sample, family};

/// CPU time, memory, file descriptors and start, as far as /proc says them.
pub(super) fn families() -> Vec<MetricFamily> {
    let one = |name, help, kind, value: Option<f64>| {
        let samples = value.map(|value| Sample { labels: vec![], value });
        family(name, help, kind, samples)
    };
    use prometheus::proto::MetricType::{COUNTER, GAUGE};
    let stat = fs::read_to_string("/proc/self/stat").ok();
    // The second field is the program's name in parentheses, which may hold anything (proc_pid_stat(5)).
    let fields: Option<Vec<&str>> =
        stat.as_deref().and_then(|stat| Some(stat.rsplit_once(')')?.1.split_whitespace().collect()));
    // Counted from the third field on.
    let number = |field: usize| fields.as_ref()?.get(field - 3)?.parse::<f64>().ok();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let cpu = number(14).zip(number(15)).map(|(user, system)| (user + system) / ticks);
    let resident = number(24).map(|pages| pages * rustix::param::page_size() as f64);
    let started = number(22).zip(boot_time()).map(|(since, boot)| boot + since / ticks);
    let files = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
    [
        one("process_cpu_seconds_total", "CPU time that goat has used, in seconds", COUNTER, cpu),
        one("process_resident_memory_bytes", "Memory that goat holds", GAUGE, resident),
        one("process_open_fds", "File descriptors that goat holds", GAUGE, files),
        one("process_start_time_seconds", "When goat started, in seconds since 1970", GAUGE, started),
    ]
    .into_iter()
    .filter(|family| !family.get_metric().is_empty())
    .collect()
}

/// Seconds since 1970.
fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn goat_knows_its_own_figures() {
        let families = super::families();
        let value = |name: &str| {
            let family = families.iter().find(|family| family.name() == name).expect(name);
            let metric = &family.get_metric()[0];
            metric.get_counter().get_value() + metric.get_gauge().get_value()
        };
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_cpu_seconds_total") >= 0.0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((now - 86_400.0..now + 2.0).contains(&value("process_start_time_seconds")));
    }
}
