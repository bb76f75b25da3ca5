//! Durations as Go writes them: `30s`, `1m30s`, `1h`.

use jiff::SignedDuration;

/// The text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write it as 30s, 5m or 1h30m")]
pub struct InvalidDuration(String);

/// Reads a duration in Go's notation: a sequence of decimal numbers, each with
/// a unit out of `h`, `m`, `s`, `ms`, `us`, `ns`.
///
/// # Errors
/// When a part has no unit, no number, or the sum does not fit.
///
/// ```
/// use weirkeeper::api::parse_duration;
///
/// assert_eq!(parse_duration("1m30s").unwrap().as_secs(), 90);
/// assert!(parse_duration("1 day").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<SignedDuration, InvalidDuration> {
    let invalid = || InvalidDuration(text.to_owned());
    let mut rest = text;
    let mut total = SignedDuration::ZERO;
    if rest == "0" {
        return Ok(total);
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(invalid)?;
        let number: f64 = rest[..digits].parse().map_err(|_no_number| invalid())?;
        rest = &rest[digits..];
        let end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let seconds = match &rest[..end] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return Err(invalid()),
        };
        rest = &rest[end..];
        let part = SignedDuration::try_from_secs_f64(number * seconds).map_err(|_big| invalid())?;
        total = total.checked_add(part).ok_or_else(invalid)?;
    }
    if text.is_empty() {
        return Err(invalid());
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_notation() {
        let millis = |text| parse_duration(text).map(|d| d.as_millis());
        assert_eq!(millis("10s"), Ok(10_000));
        assert_eq!(millis("1h2m3s4ms"), Ok(3_723_004));
        assert_eq!(millis("1.5h"), Ok(5_400_000));
        assert_eq!(millis("0"), Ok(0));
        for bad in ["", "1", "s", "10mfoo", "1min", "1d", "-1s", "1..2s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
