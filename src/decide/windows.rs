//! When a rollout may advance (`spec.gitops.windows`).

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::api::{Window, WindowKind};

/// How far ahead an opening is looked for. Windows come again every week;
/// summer time takes or gives one of them at most.
const AHEAD: i64 = 15;

/// The windows are closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Closed {
    /// When they open next; `None` when they never do.
    pub(super) opens: Option<Timestamp>,
    /// That time in the zone of its window: `Mon 2026-01-05 09:00 Europe/Berlin`.
    pub(super) shown: Option<String>,
}

/// `None` while the windows are open: inside no `deny`, and inside an `allow`
/// if there is any. A window without a type, hours or zone that read is none.
pub(super) fn closed(windows: &[Window], now: Timestamp) -> Option<Closed> {
    let spans: Vec<Span<'_>> = windows.iter().filter_map(Span::of).collect();
    if is_open(&spans, now) {
        return None;
    }
    let horizon = now
        .saturating_add(SignedDuration::from_hours(24 * AHEAD))
        .unwrap_or(now);
    let mut changes: Vec<Timestamp> = spans
        .iter()
        .flat_map(|span| span.changes(now, horizon))
        .filter(|change| (now..=horizon).contains(change) && *change > now)
        .collect();
    changes.sort_unstable();
    let opens = changes.into_iter().find(|at| is_open(&spans, *at));
    let shown = opens.map(|opens| {
        let allows = |span: &&Span<'_>| span.kind == WindowKind::Allow && span.holds(opens);
        let span = spans.iter().find(allows).or(spans.first());
        let (zone, name) = match span {
            Some(span) => (span.zone.clone(), span.window.zone_name()),
            None => (TimeZone::UTC, "UTC"),
        };
        let local = opens.to_zoned(zone);
        format!("{} {name}", local.strftime("%a %Y-%m-%d %H:%M"))
    });
    Some(Closed { opens, shown })
}

fn is_open(spans: &[Span<'_>], at: Timestamp) -> bool {
    let mut allows = spans.iter().filter(|span| span.kind == WindowKind::Allow);
    let denies = spans.iter().filter(|span| span.kind == WindowKind::Deny);
    let is_allowed = match allows.clone().next() {
        Some(_) => allows.any(|span| span.holds(at)),
        None => true,
    };
    is_allowed && !denies.into_iter().any(|span| span.holds(at))
}

/// A window that reads.
struct Span<'w> {
    window: &'w Window,
    kind: WindowKind,
    zone: TimeZone,
    start: i16,
    end: i16,
}

impl<'w> Span<'w> {
    fn of(window: &'w Window) -> Option<Self> {
        let (start, end) = window.minutes()?;
        Some(Self {
            window,
            kind: window.kind?,
            zone: window.zone()?,
            start,
            end,
        })
    }

    /// Is `at` inside? What counts is what the clock on the wall shows.
    fn holds(&self, at: Timestamp) -> bool {
        let local = at.to_zoned(self.zone.clone()).datetime();
        let minute = i16::from(local.hour()) * 60 + i16::from(local.minute());
        let today = self.window.begins_on(local.weekday());
        if self.start < self.end {
            return today && (self.start..self.end).contains(&minute);
        }
        let yesterday = self.window.begins_on(local.weekday().previous());
        (today && minute >= self.start) || (yesterday && minute < self.end)
    }

    /// Every time at which `holds` may change.
    fn changes(&self, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let shifts = self
            .zone
            .following(from)
            .map(|shift| shift.timestamp())
            .take_while(|shift| *shift <= until);
        let mut changes: Vec<Timestamp> = shifts.collect();
        let today = from.to_zoned(self.zone.clone()).date();
        for day in 0..=AHEAD {
            let Ok(date) = today.checked_add(day.days()) else {
                break;
            };
            for minute in [self.start, self.end] {
                let midnight = date.to_datetime(jiff::civil::Time::midnight());
                let at = midnight.checked_add(i64::from(minute).minutes());
                changes.extend(at.into_iter().flat_map(|at| self.instants(at)));
            }
        }
        changes
    }

    /// An hour that comes twice is told twice, one that is left out is shifted.
    fn instants(&self, local: DateTime) -> Vec<Timestamp> {
        let of = |ambiguous: jiff::tz::AmbiguousTimestamp| [ambiguous.earlier(), ambiguous.later()];
        let found = of(self.zone.to_ambiguous_timestamp(local));
        found.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(text: &str) -> Vec<Window> {
        serde_yaml::from_str(text).unwrap()
    }

    /// `open`, or when it opens.
    fn at(windows: &[Window], now: &str) -> String {
        match closed(windows, now.parse().unwrap()) {
            None => "open".to_owned(),
            Some(Closed { shown, .. }) => shown.unwrap_or_else(|| "never".to_owned()),
        }
    }

    #[test]
    fn without_windows_it_is_always_open() {
        assert_eq!(at(&[], "2026-01-01T00:00:00Z"), "open");
    }

    #[test]
    fn office_hours() {
        let office = windows(
            "[{type: allow, days: [Mon, Tue, Wed, Thu, Fri], hours: '09:00-17:00', timeZone: Europe/Berlin}]",
        );
        // 2026-01-02 is a Friday; Berlin is one hour ahead.
        assert_eq!(
            at(&office, "2026-01-02T07:59:59Z"),
            "Fri 2026-01-02 09:00 Europe/Berlin"
        );
        assert_eq!(at(&office, "2026-01-02T08:00:00Z"), "open");
        assert_eq!(at(&office, "2026-01-02T15:59:59Z"), "open");
        assert_eq!(
            at(&office, "2026-01-02T16:00:00Z"),
            "Mon 2026-01-05 09:00 Europe/Berlin"
        );
        // In summer two.
        assert_eq!(at(&office, "2026-07-03T07:00:00Z"), "open");
    }

    #[test]
    fn nights_belong_to_the_day_they_begin_on() {
        let night = windows("[{type: allow, days: [Fri], hours: '22:00-06:00'}]");
        assert_eq!(
            at(&night, "2026-01-02T05:00:00Z"),
            "Fri 2026-01-02 22:00 UTC"
        );
        assert_eq!(at(&night, "2026-01-03T05:59:59Z"), "open");
        assert_eq!(
            at(&night, "2026-01-03T06:00:00Z"),
            "Fri 2026-01-09 22:00 UTC"
        );
        let day = windows("[{type: deny, days: [Sat], hours: '00:00-24:00'}]");
        assert_eq!(at(&day, "2026-01-02T23:59:59Z"), "open");
        assert_eq!(at(&day, "2026-01-03T23:59:59Z"), "Sun 2026-01-04 00:00 UTC");
    }

    #[test]
    fn a_deny_wins_and_one_of_several_allows_is_enough() {
        let several = windows(
            "[{type: allow, hours: '08:00-12:00'}, {type: allow, hours: '14:00-18:00'},
              {type: deny, days: [Fri], hours: '14:00-24:00'}]",
        );
        assert_eq!(at(&several, "2026-01-01T15:00:00Z"), "open");
        assert_eq!(
            at(&several, "2026-01-01T13:00:00Z"),
            "Thu 2026-01-01 14:00 UTC"
        );
        assert_eq!(
            at(&several, "2026-01-02T13:00:00Z"),
            "Sat 2026-01-03 08:00 UTC"
        );
        assert_eq!(
            at(&windows("[{type: deny}]"), "2026-01-01T00:00:00Z"),
            "never"
        );
    }

    /// On 2026-03-29 the clock jumps from 02:00 to 03:00 in Berlin, on
    /// 2026-10-25 from 03:00 back to 02:00.
    #[test]
    fn summer_time() {
        let berlin = |hours: &str| {
            windows(&format!(
                "[{{type: allow, days: [Sun], hours: '{hours}', timeZone: Europe/Berlin}}]"
            ))
        };
        let early = berlin("02:30-05:00");
        assert_eq!(
            at(&early, "2026-03-29T00:59:59Z"),
            "Sun 2026-03-29 03:00 Europe/Berlin"
        );
        assert_eq!(at(&early, "2026-03-29T01:00:00Z"), "open");
        let lost = berlin("02:00-03:00");
        assert_eq!(
            at(&lost, "2026-03-29T00:30:00Z"),
            "Sun 2026-04-05 02:00 Europe/Berlin"
        );
        let twice = berlin("02:00-02:30");
        assert_eq!(at(&twice, "2026-10-25T00:10:00Z"), "open");
        assert_eq!(
            at(&twice, "2026-10-25T00:45:00Z"),
            "Sun 2026-10-25 02:00 Europe/Berlin"
        );
        assert_eq!(at(&twice, "2026-10-25T01:10:00Z"), "open");
        assert_eq!(
            at(&twice, "2026-10-25T01:45:00Z"),
            "Sun 2026-11-01 02:00 Europe/Berlin"
        );
    }
}
