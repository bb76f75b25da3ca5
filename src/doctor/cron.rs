//! When the schedule of a workflow should have started it.

use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// Starts that are looked at.
const STARTS: usize = 3;

/// The last times before `now` at which one of `crons` was due, the last one first:
/// three of them. GitHub counts in UTC.
///
/// # Errors
/// Why one of them cannot be read, or was never due.
pub(super) fn last(crons: &[String], now: Timestamp) -> Result<Vec<Timestamp>, String> {
    let mut times = Vec::new();
    for cron in crons {
        times.extend(last_of(cron, now).map_err(|error| format!("`{cron}`: {error}"))?);
    }
    times.sort_unstable();
    times.dedup();
    times.reverse();
    times.truncate(STARTS);
    Ok(times)
}

fn last_of(cron: &str, now: Timestamp) -> Result<Vec<Timestamp>, String> {
    let parser = CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build();
    let parsed = parser.parse(cron).map_err(|error| error.to_string())?;
    let mut at: Zoned = now.to_zoned(TimeZone::UTC);
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let before = parsed.find_previous_occurrence(&at, false);
        at = before.map_err(|error| error.to_string())?;
        times.push(at.timestamp());
    }
    Ok(times)
}

/// The shortest time between two of them.
pub(super) fn shortest(times: &[Timestamp]) -> Option<SignedDuration> {
    let gaps = times.windows(2).map(|pair| pair[0].duration_since(pair[1]));
    gaps.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(crons: &[&str]) -> String {
        let now = "2026-01-01T12:07:30Z".parse().unwrap();
        let crons: Vec<String> = crons.iter().map(|cron| (*cron).to_owned()).collect();
        match last(&crons, now) {
            Ok(times) => times.iter().map(|time| format!("{time} ")).collect(),
            Err(error) => error,
        }
    }

    #[test]
    fn the_last_starts() {
        insta::assert_snapshot!(times(&["*/5 * * * *"]), @"2026-01-01T12:05:00Z 2026-01-01T12:00:00Z 2026-01-01T11:55:00Z ");
        insta::assert_snapshot!(times(&["7 * * * *", "0 6 * * MON-FRI"]), @"2026-01-01T12:07:00Z 2026-01-01T11:07:00Z 2026-01-01T10:07:00Z ");
        insta::assert_snapshot!(times(&["0 0 29 2 *"]), @"2024-02-29T00:00:00Z 2020-02-29T00:00:00Z 2016-02-29T00:00:00Z ");
        for wrong in ["", "* * * *", "61 * * * *", "0 0 * * * *"] {
            assert!(
                times(&[wrong]).starts_with(&format!("`{wrong}`: ")),
                "{wrong}"
            );
        }
    }
}
