//! Points in time, as date operators take them.
//!
//! AWS, "IAM JSON policy elements: Condition operators", date: the W3C's profile of ISO 8601, or seconds
//! since 1970.

/// Seconds since 1970. `2026-11-22T16:32:47Z`, `...+01:00`, `...47.5Z`, `2026-11-22`, `1795365167`.
pub fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && text.len() > 4 {
        return text.parse().ok();
    }
    let (date, time) = text.split_once(['T', 't']).map_or((text, None), |(date, time)| (date, Some(time)));
    let mut parts = date.splitn(3, '-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| number(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| number(part, 2))?;
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let midnight = days_since_1970(year, month, day) as f64 * 86_400.0;
    match time {
        None => Some(midnight),
        Some(time) => Some(midnight + time_of_day(time)?),
    }
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// `16:32`, `16:32:47`, `16:32:47.5`, each with its zone: seconds after midnight, in UTC.
fn time_of_day(text: &str) -> Option<f64> {
    let at = text.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = text.split_at(at);
    let mut parts = clock.splitn(3, ':');
    let (hours, minutes) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let seconds = match parts.next() {
        None => 0.0,
        Some(part) => {
            let whole = part.split('.').next().unwrap_or_default();
            number(whole, 2)?;
            part.parse::<f64>().ok()?
        }
    };
    if hours > 24 || minutes > 59 || seconds >= 61.0 {
        return None;
    }
    Some((hours * 3600 + minutes * 60) as f64 + seconds - offset(zone)?)
}

fn offset(zone: &str) -> Option<f64> {
    let sign = match zone.chars().next()? {
        'Z' | 'z' => return (zone.len() == 1).then_some(0.0),
        '-' => -1.0,
        _ => 1.0,
    };
    let (hours, minutes) = zone[1..].split_once(':')?;
    Some(sign * (number(hours, 2)? * 3600 + number(minutes, 2)? * 60) as f64)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// In the proleptic Gregorian calendar. Years begin with March here, so that a leap day ends one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn points_in_time_are_read() {
        let rows = [
            ("1970-01-01T00:00:00Z", Some(0.0)),
            ("1970-01-01", Some(0.0)),
            ("2000-02-29T12:00:00Z", Some(951_825_600.0)),
            ("2026-11-22T16:32:47Z", Some(1_795_365_167.0)),
            ("2026-11-22T17:32:47+01:00", Some(1_795_365_167.0)),
            ("2026-11-22T16:32:47.5Z", Some(1_795_365_167.5)),
            ("1795365167", Some(1_795_365_167.0)),
            ("1969-12-31T23:59Z", Some(-60.0)),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-11-22T16:32:47", None),
            ("yesterday", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
