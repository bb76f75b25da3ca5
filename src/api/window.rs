//! `spec.gitops.windows`: when a rollout may advance.

use std::sync::LazyLock;

use jiff::civil::Weekday;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

/// A window of time in which a rollout may or may not advance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Window {
    /// `allow` or `deny`. Required.
    #[serde(rename = "type")]
    pub kind: Option<WindowKind>,
    /// Days of the week, `Mon` to `Sun`. Defaults to all.
    pub days: Option<Vec<String>>,
    /// Hours of the day, `09:00-17:00`. Defaults to all. Hours that end on the
    /// next day, `22:00-06:00`, belong to the day they begin on.
    pub hours: Option<String>,
    /// IANA time zone. Defaults to `UTC`.
    pub time_zone: Option<String>,
}

/// Does the window open or close?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WindowKind {
    /// Rollouts advance only inside.
    Allow,
    /// Rollouts do not advance inside.
    Deny,
}

/// The time zones of the program itself: what a window means must not depend
/// on the machine.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Minutes of a day.
const DAY: i16 = 24 * 60;

impl Window {
    /// Names of the days of the week.
    pub const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

    /// The time zone; `None` when `timeZone` is not the name of one.
    ///
    /// ```
    /// use weirkeeper::api::Window;
    ///
    /// let zone = |name: &str| Window { time_zone: Some(name.into()), ..Window::default() }.zone();
    /// assert!(Window::default().zone().is_some());
    /// assert!(zone("Europe/Berlin").is_some());
    /// assert!(zone("Europe/Atlantis").is_none());
    /// ```
    #[must_use]
    pub fn zone(&self) -> Option<TimeZone> {
        match self.time_zone.as_deref() {
            None | Some("UTC") => Some(TimeZone::UTC),
            Some(name) => ZONES.get(name).ok(),
        }
    }

    /// Name of the time zone, as written.
    #[must_use]
    pub fn zone_name(&self) -> &str {
        self.time_zone.as_deref().unwrap_or("UTC")
    }

    /// First minute of the day inside, and the first one that is not; the second
    /// is not after the first when that is on the next day. The whole day
    /// without `hours`; `None` when they are not hours.
    ///
    /// ```
    /// use weirkeeper::api::Window;
    ///
    /// let window = Window { hours: Some("22:00-06:30".into()), ..Window::default() };
    /// assert_eq!(window.minutes(), Some((22 * 60, 6 * 60 + 30)));
    /// ```
    #[must_use]
    pub fn minutes(&self) -> Option<(i16, i16)> {
        let Some(text) = self.hours.as_deref() else {
            return Some((0, DAY));
        };
        let (start, end) = text.split_once('-')?;
        let (start, end) = (minutes(start)?, minutes(end)?);
        (start < DAY && end <= DAY && start != end).then_some((start, end))
    }

    /// Does a window begin on this day of the week?
    #[must_use]
    pub fn begins_on(&self, day: Weekday) -> bool {
        let name = Self::DAYS
            .get(usize::try_from(day.to_monday_zero_offset()).unwrap_or_default())
            .copied()
            .unwrap_or_default();
        let days = self.days.as_deref();
        days.is_none_or(|days| days.iter().any(|day| day == name))
    }
}

/// Minutes since midnight of `HH:MM`.
fn minutes(text: &str) -> Option<i16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_zones() {
        let hours = |text: &str| {
            let window = Window {
                hours: Some(text.to_owned()),
                ..Window::default()
            };
            window.minutes().is_some()
        };
        for good in ["09:00-17:00", "22:00-06:00", "00:00-24:00"] {
            assert!(hours(good), "{good}");
        }
        for bad in [
            "",
            "9-17",
            "9:00-17:00",
            "09:00",
            "09:60-10:00",
            "24:00-25:00",
            "09:00-09:00",
        ] {
            assert!(!hours(bad), "{bad}");
        }
        let zone = |text: &str| {
            let window = Window {
                time_zone: Some(text.to_owned()),
                ..Window::default()
            };
            window.zone().is_some()
        };
        for good in ["UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+3"] {
            assert!(zone(good), "{good}");
        }
        for bad in ["", "+02:00", "Europe/", "a b", "Europe/Atlantis"] {
            assert!(!zone(bad), "{bad}");
        }
    }

    #[test]
    fn days() {
        let weekend = Window {
            days: Some(vec!["Sat".into(), "Sun".into()]),
            ..Window::default()
        };
        assert!(weekend.begins_on(Weekday::Sunday) && !weekend.begins_on(Weekday::Monday));
        assert!(Window::default().begins_on(Weekday::Monday));
    }
}
