//! Bars, and text cut to the room there is.

use ratatui::text::Span;

/// `covered` of `total` as a bar: its full part and the rest. Full only if everything is covered, and empty only if nothing is.
pub(super) fn bar(covered: usize, total: usize, width: usize) -> (String, String) {
    let full = match covered {
        0 => 0,
        covered if covered >= total => width,
        covered => (covered * width / total).clamp(usize::from(width > 1), width.saturating_sub(1)),
    };
    ("█".repeat(full), "░".repeat(width - full))
}

/// `text` in `width` columns: its end, which tells one path from another, and blanks behind it.
pub(super) fn end_of(text: &str, width: usize) -> String {
    let mut shown = text.to_owned();
    if columns(text) > width {
        let mut rest = text.chars();
        while columns(rest.as_str()) + 1 > width && rest.next().is_some() {}
        shown = if width > 0 { format!("…{}", rest.as_str()) } else { String::new() };
    }
    let blanks = width.saturating_sub(columns(&shown));
    shown + &" ".repeat(blanks)
}

/// How many columns `text` takes.
pub(super) fn columns(text: &str) -> usize {
    Span::raw(text).width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_say_all_and_nothing_only_where_it_is_so() {
        for (covered, total, width, expected) in [
            (0, 0, 4, "░░░░"),
            (0, 3, 4, "░░░░"),
            (1, 1000, 4, "█░░░"),
            (1, 2, 4, "██░░"),
            (999, 1000, 4, "███░"),
            (3, 3, 4, "████"),
            (1, 2, 1, "░"),
            (1, 2, 0, ""),
        ] {
            let (full, rest) = bar(covered, total, width);
            assert_eq!(full + &rest, expected, "{covered} of {total}");
        }
    }

    #[test]
    fn the_end_of_a_path_is_kept() {
        for (text, width, expected) in [
            ("cart.go", 9, "cart.go  "),
            ("price/discount.go", 11, "…iscount.go"),
            ("価格.go", 6, "…格.go"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
        ] {
            assert_eq!(end_of(text, width), expected);
        }
    }
}
