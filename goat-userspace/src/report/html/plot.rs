//! Coverage over time, drawn from the points' first hits. The script draws on in the same way.

use std::{
    fmt::Write,
    time::{Duration, SystemTime},
};

use super::Page;
use crate::report::rfc3339;

/// The drawing, in its own units: plot.js has the same.
const LEFT: f64 = 34.0;
const RIGHT: f64 = 392.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 92.0;

/// What is drawn.
struct Curve {
    begin: SystemTime,
    end: SystemTime,
    /// Sorted.
    hits: Vec<SystemTime>,
    total: usize,
}

impl Curve {
    fn of(page: &Page<'_>) -> Self {
        let items = page.items();
        let mut hits: Vec<SystemTime> = items.iter().filter_map(|item| item.first_hit).collect();
        hits.sort_unstable();
        let started = page.status.and_then(|status| status.started);
        let end = page.report.taken.max(hits.last().copied().unwrap_or(page.report.taken));
        let begin = hits.first().copied().into_iter().chain(started).min().unwrap_or(end).min(end);
        Self { begin, end, hits, total: page.totals().total }
    }

    fn x(&self, at: SystemTime) -> f64 {
        let since = |at: SystemTime| at.duration_since(self.begin).unwrap_or(Duration::ZERO).as_secs_f64();
        LEFT + (RIGHT - LEFT) * (since(at) / since(self.end).max(1.0)).min(1.0)
    }

    fn y(&self, covered: usize) -> f64 {
        BOTTOM - (BOTTOM - TOP) * (covered as f64 / self.total.max(1) as f64).min(1.0)
    }

    /// Steps: level until the next hit, then up. Hits that fall on the same tenth of a unit are one step.
    fn path(&self) -> String {
        let mut path = format!("M{LEFT} {:.1}", self.y(0));
        let tenth = |x: f64| (x * 10.0).round();
        for (n, &hit) in self.hits.iter().enumerate() {
            let x = self.x(hit);
            if self.hits.get(n + 1).is_some_and(|&next| tenth(self.x(next)) == tenth(x)) {
                continue;
            }
            let _ = write!(path, "H{x:.1}V{:.1}", self.y(n + 1));
        }
        let _ = write!(path, "H{:.1}", self.x(self.end));
        path
    }
}

pub(super) fn svg(page: &Page<'_>, out: &mut String) {
    let curve = Curve::of(page);
    let path = curve.path();
    out.push_str("<svg id=\"plot\" viewBox=\"0 0 400 112\" role=\"img\" aria-labelledby=\"plot-title\">");
    for (share, y) in [(100, TOP), (50, (TOP + BOTTOM) / 2.0), (0, BOTTOM)] {
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{LEFT} {y}H{RIGHT}\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{share}%</text>",
            LEFT - 5.0,
            y + 3.5
        );
    }
    let _ = write!(out, "<path class=\"area\" d=\"{path}V{BOTTOM}H{LEFT}Z\"/><path class=\"curve\" d=\"{path}\"/>");
    let time = |at: SystemTime| rfc3339(at)[11..19].to_owned();
    let _ = write!(
        out,
        "<text id=\"plot-begin\" x=\"{LEFT}\" y=\"108\">{}</text><text id=\"plot-end\" x=\"{RIGHT}\" y=\"108\" text-anchor=\"end\">{} UTC</text></svg>",
        time(curve.begin),
        time(curve.end)
    );
}

/// The numbers behind the drawing, for the script: milliseconds since 1970, and first hits from the beginning on by point.
pub(super) fn data(page: &Page<'_>, out: &mut String) {
    let curve = Curve::of(page);
    let millis = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
    let (begin, end) = (millis(curve.begin), millis(curve.end));
    let _ = write!(out, "{{\"begin\":{begin},\"end\":{end},\"total\":{},\"hits\":{{", curve.total);
    let items = page.items();
    for (n, (id, hit)) in items.iter().filter_map(|item| Some((item.id, item.first_hit?))).enumerate() {
        let comma = if n > 0 { "," } else { "" };
        let _ = write!(out, "{comma}\"{id}\":{}", millis(hit).saturating_sub(begin));
    }
    out.push_str("}}");
}
