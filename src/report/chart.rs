//! The canary's weight over time, as a chart that GitHub draws.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::api::Phase;

/// Parts into which the time is cut: a value at each end of each of them.
const PARTS: i64 = 100;

/// The look: low, and with a line that is seen on white and on black.
const CONFIG: &str = "---
config:
  xyChart:
    width: 800
    height: 280
  themeVariables:
    xyChart:
      plotColorPalette: '#2f81f7'
---
";

/// The state of a rollout since a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Since when.
    pub time: Timestamp,
    /// The phase.
    pub phase: Phase,
    /// The canary's weight, in percent.
    pub canary_weight: i64,
}

/// A chart in the language of Mermaid, version 10.9 and later; `None` when the
/// weight never changed. `points` are oldest first; an active rollout is drawn up to
/// `now`.
///
/// Mermaid puts values at equal distances, so that the weight is told at equal
/// distances of time.
#[must_use]
pub fn weights(canary: &str, points: &[Point], now: Timestamp) -> Option<String> {
    let (first, last) = (points.first()?, points.last()?);
    let end = match last.phase.is_active() {
        true => last.time.max(now),
        false => last.time,
    };
    let seconds = end.as_second() - first.time.as_second();
    let changes = points
        .iter()
        .any(|point| point.canary_weight != first.canary_weight);
    if seconds <= 0 || !changes {
        return None;
    }
    let values: Vec<String> = (0..=PARTS)
        .map(|part| first.time.as_second() + seconds * part / PARTS)
        .map(|second| weight(points, second).to_string())
        .collect();
    let (unit, length) = unit(seconds);
    let start = first.time.strftime("%Y-%m-%d %H:%M UTC");
    let mut text = String::from(CONFIG);
    // Writing to a String cannot fail.
    let _written = write!(
        text,
        "xychart-beta\n  title \"Canary weight of {}\"\n  x-axis \"{unit} since {start}\" 0 --> {length}\n  y-axis \"percent\" 0 --> 100\n  line [{}]\n",
        title(canary),
        values.join(", ")
    );
    Some(text)
}

/// The weight at a moment: that of the last point that is not later.
fn weight(points: &[Point], second: i64) -> i64 {
    let later = points.partition_point(|point| point.time.as_second() <= second);
    let point = later.checked_sub(1).and_then(|index| points.get(index));
    point.map_or(0, |point| point.canary_weight.clamp(0, 100))
}

/// A unit for so long a time, and how many there are. Twenty at least: Mermaid 10 puts
/// the values where they would be if there were one more.
fn unit(seconds: i64) -> (&'static str, f64) {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let (unit, length) = match seconds {
        seconds if seconds < 20 * MINUTE => ("seconds", 1),
        seconds if seconds < 20 * HOUR => ("minutes", MINUTE),
        seconds if seconds < 20 * DAY => ("hours", HOUR),
        _ => ("days", DAY),
    };
    #[expect(clippy::cast_precision_loss, reason = "shown with two decimals")]
    let many = |seconds: i64| seconds as f64;
    (unit, (many(seconds) / many(length) * 100.0).round() / 100.0)
}

/// What no language takes for more than a name.
fn title(text: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || "/.-_".contains(c) => c,
        _ => ' ',
    };
    text.chars().map(plain).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn points(all: &[(&str, Phase, i64)]) -> Vec<Point> {
        let point = |(at, phase, canary_weight): &(&str, Phase, i64)| Point {
            time: time(&format!("2026-01-01T{at}Z")),
            phase: *phase,
            canary_weight: *canary_weight,
        };
        all.iter().map(point).collect()
    }

    /// The values of the line.
    fn line(chart: &str) -> Vec<i64> {
        let (_, line) = chart.split_once("line [").unwrap();
        let values = line.trim_end().trim_end_matches(']').split(", ");
        values.map(|value| value.parse().unwrap()).collect()
    }

    #[test]
    fn time_is_told_at_equal_distances() {
        use Phase::{Progressing, Promoting, Succeeded};
        let all = points(&[
            ("00:00:00", Progressing, 0),
            ("00:10:00", Progressing, 25),
            ("00:30:00", Progressing, 50),
            ("00:40:00", Promoting, 50),
            ("00:50:00", Succeeded, 0),
        ]);
        let chart = weights("test/podinfo", &all, time("2026-01-01T05:00:00Z")).unwrap();
        let values = line(&chart);
        assert_eq!(values.len(), 101);
        let lengths = [0, 25, 50].map(|weight| values.iter().filter(|one| **one == weight).count());
        // Of 50 minutes 10, 20 and 20; the last value is that of the end.
        assert_eq!(lengths, [21, 40, 40]);
        let shown: Vec<&str> = chart
            .lines()
            .filter(|one| !one.contains("line ["))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        ---
        config:
          xyChart:
            width: 800
            height: 280
          themeVariables:
            xyChart:
              plotColorPalette: '#2f81f7'
        ---
        xychart-beta
          title "Canary weight of test/podinfo"
          x-axis "minutes since 2026-01-01 00:00 UTC" 0 --> 50
          y-axis "percent" 0 --> 100
        "#);
    }

    #[test]
    fn an_active_rollout_is_drawn_up_to_now() {
        let all = points(&[
            ("00:00:00", Phase::Progressing, 0),
            ("01:00:00", Phase::Progressing, 40),
        ]);
        let chart = weights("test/podinfo", &all, time("2026-01-01T04:00:00Z")).unwrap();
        assert!(
            chart.contains("\"minutes since 2026-01-01 00:00 UTC\" 0 --> 240\n"),
            "{chart}"
        );
        assert_eq!(line(&chart).iter().filter(|one| **one == 40).count(), 76);
    }

    #[test]
    fn a_time_has_a_unit_of_which_there_are_many() {
        for (seconds, shown) in [
            (90, ("seconds", 90.0)),
            (1200, ("minutes", 20.0)),
            (71_999, ("minutes", 1199.98)),
            (72_000, ("hours", 20.0)),
            (1_728_000, ("days", 20.0)),
        ] {
            assert_eq!(unit(seconds), shown);
        }
    }

    #[test]
    fn a_weight_that_never_changed_is_not_drawn() {
        let now = time("2026-01-01T04:00:00Z");
        let flat = points(&[
            ("00:00:00", Phase::Waiting, 0),
            ("01:00:00", Phase::Waiting, 0),
        ]);
        let at_once = points(&[
            ("00:00:00", Phase::Failed, 9),
            ("00:00:00", Phase::Failed, 0),
        ]);
        for all in [Vec::new(), flat, at_once] {
            assert_eq!(weights("a/b", &all, now), None, "{all:?}");
        }
    }

    #[test]
    fn a_name_stays_a_name() {
        assert_eq!(
            title("a\"]\n%%{init}%%;#quot;`x"),
            "a      init     quot  x"
        );
        assert_eq!(title("test/pod-info_1.2"), "test/pod-info_1.2");
    }
}
