//! A plot over seconds, as SVG that shows on a light page and on a dark one.

use std::fmt::Write;

use super::statistics::Estimate;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 320.0;
/// Left, right, top and bottom of the axes.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 744.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 280.0;
/// What the arming phase is wanted to stay below.
const LIMIT: f64 = 1.1;

/// A line over the seconds.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) colour: &'static str,
    pub(super) estimates: Vec<Estimate>,
}

/// `first` is the second of the first estimate.
pub(super) fn svg(first: i32, lines: &[Line]) -> String {
    let highs = lines.iter().flat_map(|line| &line.estimates).map(|e| e.high);
    let top = highs.fold(LIMIT, f64::max) + 0.05;
    let bottom = lines.iter().flat_map(|line| &line.estimates).map(|e| e.low).fold(0.95, f64::min) - 0.05;
    let seconds = lines.iter().map(|line| line.estimates.len()).max().unwrap_or_default().max(2);
    let x = |at: f64| LEFT + (RIGHT - LEFT) * at / (seconds - 1) as f64;
    let y = |ratio: f64| BOTTOM - (BOTTOM - TOP) * (ratio - bottom) / (top - bottom);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<style>text {{ fill: #57606a }} .grid {{ stroke: #8c959f; stroke-opacity: .3 }} \
         @media (prefers-color-scheme: dark) {{ text {{ fill: #9198a1 }} }}</style>\n\
         <text x=\"{LEFT}\" y=\"16\">CPU per request beside the seconds before, median and 95 % interval; goat begins in second 0</text>\n"
    );
    let mut add = |element: String| {
        let _ = writeln!(svg, "{element}");
    };
    let step = if top - bottom > 1.0 {
        0.5
    } else if top - bottom > 0.4 {
        0.1
    } else {
        0.05
    };
    let mut ratio = (bottom / step).ceil() * step;
    while ratio <= top {
        let at = y(ratio);
        add(format!("<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{RIGHT}\" y2=\"{at:.1}\"/>"));
        add(format!("<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{ratio:.2}</text>", LEFT - 8.0, at + 4.0));
        ratio += step;
    }
    for at in 0..seconds {
        let second = first + at as i32;
        add(format!("<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{second}</text>", x(at as f64), BOTTOM + 18.0));
    }
    let begin = x(f64::from(-first));
    add(format!("<line x1=\"{begin:.1}\" y1=\"{TOP}\" x2=\"{begin:.1}\" y2=\"{BOTTOM}\" stroke=\"#8c959f\"/>"));
    let limit = y(LIMIT);
    add(format!(
        "<line x1=\"{LEFT}\" y1=\"{limit:.1}\" x2=\"{RIGHT}\" y2=\"{limit:.1}\" stroke=\"#cf222e\" stroke-dasharray=\"5 4\"/>"
    ));
    for (index, Line { name, colour, estimates }) in lines.iter().enumerate() {
        let place = |(at, ratio): (usize, f64)| format!("{:.1},{:.1}", x(at as f64), y(ratio));
        let forth = estimates.iter().map(|e| e.high).enumerate().map(place);
        let back = estimates.iter().map(|e| e.low).enumerate().rev().map(place);
        let band: Vec<String> = forth.chain(back).collect();
        add(format!("<polygon points=\"{}\" fill=\"{colour}\" fill-opacity=\".18\"/>", band.join(" ")));
        let medians: Vec<String> = estimates.iter().map(|e| e.median).enumerate().map(place).collect();
        add(format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            medians.join(" ")
        ));
        let at = LEFT + 130.0 * index as f64;
        add(format!(
            "<line x1=\"{at}\" y1=\"310\" x2=\"{}\" y2=\"310\" stroke=\"{colour}\" stroke-width=\"3\"/>",
            at + 24.0
        ));
        add(format!("<text x=\"{}\" y=\"314\">{name}</text>", at + 30.0));
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_lies_within_the_picture() {
        for ratios in [vec![1.0; 17], vec![0.2, 1.0, 16.0], vec![1.0, 1.13]] {
            let estimates = ratios.iter().map(|r| Estimate::of([r * 0.9, *r, r * 1.1])).collect();
            let svg = svg(-1, &[Line { name: "a", colour: "#000", estimates }]);
            let points = svg.split("points=\"").skip(1).flat_map(|rest| rest.split('"').next().unwrap().split(' '));
            for point in points {
                let (x, y) = point.split_once(',').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!((LEFT..=RIGHT).contains(&x) && (TOP..=BOTTOM).contains(&y), "{point}");
            }
        }
    }
}
