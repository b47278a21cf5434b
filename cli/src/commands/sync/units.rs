//! Sizes, times and tags as people write them.

use std::time::Duration;

/// `4096`, `64MiB`, `1.5GiB`, `20MB`. Without a `B`, as in `64M`, the unit is of 1,024.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("{text:?} is no size: write bytes, or a number with KiB, MiB, GiB, TiB, kB, MB, GB or TB");
    let (number, unit) = split(text);
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(wrong()),
    };
    scaled(number, unit).ok_or_else(wrong)
}

/// Not nothing.
pub fn some_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        0 => Err("must be at least one byte".to_owned()),
        size => Ok(size),
    }
}

/// `90s`, `15m`, `12h`, `7d`, `2w`.
pub fn age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time: write a number with s, m, h, d or w");
    let (number, unit) = split(text);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(wrong()),
    };
    scaled(number, unit).map(Duration::from_secs).ok_or_else(wrong)
}

/// `name=value`. "Categorizing your storage using tags": a name has at most 128 characters, a value at
/// most 256.
pub fn tag(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("{text:?} is no tag: write name=value"))?;
    match (name.chars().count(), value.chars().count()) {
        (1..=128, 0..=256) => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a tag's name has 1 to 128 characters, its value at most 256".to_owned()),
    }
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// Whole numbers exactly, others as near as a float comes.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit);
    }
    let scaled = number.parse::<f64>().ok()? * unit as f64;
    // Beyond 2^53 a float is no whole number of bytes any more, and no object is so large.
    (scaled.is_finite() && scaled <= (1u64 << 53) as f64).then_some(scaled as u64)
}

/// `12.3 MiB`
pub fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("64MiB", 64 << 20),
            ("64M", 64 << 20),
            ("64 mib", 64 << 20),
            ("20MB", 20_000_000),
            ("1.5GiB", 3 << 29),
            ("5TiB", 5 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "MiB",
            "-1",
            "1e3",
            "1.2.3",
            "12 bytes",
            "99999999999999999999",
            "9e99TiB",
            "20000000TiB",
            "nan",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
        assert!(some_size("0").is_err());
    }

    #[test]
    fn ages_need_a_unit() {
        assert_eq!(age("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(age("1.5h"), Ok(Duration::from_secs(5_400)));
        assert_eq!(age("2w"), Ok(Duration::from_secs(14 * 86_400)));
        for text in ["", "90", "1y", "-1d", "d"] {
            assert!(age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tags_are_pairs() {
        assert_eq!(tag("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(tag("a="), Ok(("a".to_owned(), String::new())));
        for text in ["", "a", "=b", &format!("{}=x", "a".repeat(129)), &format!("a={}", "x".repeat(257))] {
            assert!(tag(text).is_err(), "{text}");
        }
    }
}
