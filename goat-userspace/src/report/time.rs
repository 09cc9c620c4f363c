//! Instants as RFC 3339 text.

use std::time::{Duration, SystemTime};

/// `at` in UTC with milliseconds, `2026-11-21T09:37:24.123Z`; what lies before 1970 is written as its first instant.
pub fn rfc3339(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second, millis) = (second / 3600, second / 60 % 60, second % 60, since.subsec_millis());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Reads what [`rfc3339`] writes; `None` for anything else.
pub fn instant(text: &str) -> Option<SystemTime> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
        digits.parse::<u64>().ok()
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second, millis) = (number(11..13)?, number(14..16)?, number(17..19)?, number(20..23)?);
    let since = days_from_civil(year, month, day)?.checked_mul(86_400)? + hour * 3600 + minute * 60 + second;
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(since * 1000 + millis))?;
    // Dates that there are not (February 30), and other separators, are written otherwise.
    (rfc3339(at) == text).then_some(at)
}

/// The inverse of [`civil_from_days`], `days_from_civil` there; `None` before 1970 and for months that there are not.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) {
        return None;
    }
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

/// The Gregorian date of a day since 1970-01-01: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`. Years begin in March there, so that the leap day is the last.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_utc() {
        // Expected values: `date -u -d @SECONDS +%FT%TZ`.
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_795_253_844_123, "2026-11-21T09:37:24.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_000, "9999-12-31T23:59:59.000Z"),
        ] {
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
            assert_eq!(rfc3339(at), expected);
            assert_eq!(instant(expected), Some(at));
        }
        assert_eq!(rfc3339(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn only_instants_as_written_are_read() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T09:37:24Z",
            "2026-11-21 09:37:24.123Z",
            "2026-02-30T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-00-01T00:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "+026-11-21T09:37:24.123Z",
            "2026-11-21T09:37:24.123+",
            "2026-11-21T09:37:24.12é",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
