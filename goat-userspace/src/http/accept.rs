//! Whether a client wants the page or the data: the `Accept` header.

use axum::http::{HeaderMap, header};

/// Whether the client likes `text/html` better than `application/json`. Browsers do; `*/*`, as curl sends it, and no header at
/// all leave the choice to the server, and that is JSON, as it always was.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let values = || headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let quality = |kind: &str, subtype: &str| {
        // The most specific range decides, whatever its place (RFC 9110, section 12.5.1).
        let all = format!("{kind}/*");
        let exact = format!("{kind}/{subtype}");
        [exact.as_str(), all.as_str(), "*/*"]
            .into_iter()
            .find_map(|wanted| values().flat_map(|value| value.split(',')).find_map(|range| weight(range, wanted)))
            .unwrap_or(0)
    };
    quality("text", "html") > quality("application", "json")
}

/// The weight of `range` in thousandths, if it is the media range `wanted`.
fn weight(range: &str, wanted: &str) -> Option<u32> {
    let mut parts = range.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(wanted) {
        return None;
    }
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    match weight.map(str::parse::<f32>) {
        None => Some(1000),
        // As `as` saturates, NaN and negative weights are none.
        Some(Ok(q)) => Some((q * 1000.0) as u32),
        Some(Err(_)) => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_the_page_and_scripts_get_json() {
        for (accept, expected) in [
            ("text/html", true),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", true),
            ("TEXT/HTML; q=0.5", true),
            ("text/*", true),
            ("application/json;q=0.4, text/html;q=0.5", true),
            ("*/*", false),
            ("", false),
            ("application/json", false),
            ("application/json, text/plain, */*", false),
            ("text/html;q=0", false),
            ("text/html;q=0.1, */*;q=0.2", false),
            ("text/html;q=x", false),
            ("text/html;q=-1", false),
            ("text/html;q=NaN", false),
            ("text/htmlx", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(prefers_html(&headers), expected, "{accept:?}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn several_headers_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT, "application/json;q=0.5".parse().unwrap());
        headers.append(header::ACCEPT, "text/html".parse().unwrap());
        assert!(prefers_html(&headers));
    }
}
