//! The report as a badge: how much of the change has run, as a small SVG image for a README or a chat.

use super::{Points, Totals, xml::Element};

/// What a letter of Verdana 11 px takes on average, in tenths of a pixel; `textLength` makes the text fit what is guessed.
const LETTER: usize = 62;

/// What stands left and right of a text, in pixels.
const PADDING: usize = 6;

const HEIGHT: usize = 20;

/// Two fields: `change covered`, and the rate, with what can't be observed beside it, as it is not part of the rate.
pub fn render(points: &Points<'_>) -> String {
    let totals = points.totals();
    let (label, value) = ("change covered", value(totals));
    let (left, right) = (width(label), width(&value));
    let full = format!("{}: {}", points.title(), points.sentence());
    let size = |element: Element, width: usize| element.with("width", width).with("height", HEIGHT);
    size(Element::new("svg").with("xmlns", "http://www.w3.org/2000/svg"), left + right)
        .with("role", "img")
        .with("aria-label", format_args!("{label}: {value}"))
        .child(Element::new("title").text(&full))
        .child(size(Element::new("rect"), left).with("fill", "#444c56"))
        .child(size(Element::new("rect").with("x", left), right).with("fill", color(totals)))
        .child(
            Element::new("g")
                .with("fill", "#fff")
                .with("font-family", "Verdana,DejaVu Sans,sans-serif")
                .with("font-size", 11)
                .child(text(label, 0))
                .child(text(&value, left)),
        )
        .document()
}

fn value(totals: Totals) -> String {
    let (rate, unobservable) = (totals.rate(), totals.unobservable);
    match (totals.total, unobservable) {
        (0, 0) => "nothing to observe".into(),
        (0, _) => format!("{unobservable} unobservable"),
        (_, 0) => format!("{rate}%"),
        (..) => format!("{rate}%, {unobservable} unobservable"),
    }
}

fn text(text: &str, x: usize) -> Element {
    let length = width(text) - 2 * PADDING;
    Element::new("text").with("x", x + PADDING).with("y", 14).with("textLength", length).text(text)
}

fn width(text: &str) -> usize {
    (text.chars().count() * LETTER).div_ceil(10) + 2 * PADDING
}

/// Dark enough for white letters (4.5 to 1, WCAG 2.2, 1.4.3).
fn color(totals: Totals) -> &'static str {
    match (totals.total, totals.rate()) {
        (0, _) => "#656d76",
        (_, 100) => "#1a7f37",
        (_, 80..) => "#8a5a00",
        _ => "#b3261e",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_has_its_colour() {
        for (total, covered, unobservable, expected) in [
            (2, 2, 0, ("100%", "#1a7f37")),
            (200, 199, 0, ("99%", "#8a5a00")),
            (10, 8, 3, ("80%, 3 unobservable", "#8a5a00")),
            (10, 0, 0, ("0%", "#b3261e")),
            (0, 0, 0, ("nothing to observe", "#656d76")),
            (0, 0, 2, ("2 unobservable", "#656d76")),
        ] {
            let totals = Totals { total, covered, unobservable, ..Totals::default() };
            assert_eq!((&*value(totals), color(totals)), expected);
        }
    }
}
