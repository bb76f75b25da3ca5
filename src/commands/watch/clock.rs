//! The time of a watch.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Tells the time and lets it pass.
#[derive(Debug)]
pub(super) struct Clock {
    began: Timestamp,
    start: Instant,
    /// When the time was given, it does not pass: it jumps.
    jumps: bool,
    jumped: Duration,
}

impl Clock {
    /// A clock at which it is `began` now.
    pub(super) fn new(began: Timestamp, jumps: bool) -> Self {
        Self {
            began,
            start: Instant::now(),
            jumps,
            jumped: Duration::ZERO,
        }
    }

    /// Time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        match self.jumps {
            true => self.jumped,
            false => self.start.elapsed(),
        }
    }

    /// The time it is, in whole seconds.
    pub(super) fn now(&self) -> Timestamp {
        let now = self.after(self.elapsed());
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// How long it is until `at`; nothing when that has passed.
    pub(super) fn until(&self, at: Timestamp) -> Duration {
        let left = at.duration_since(self.after(self.elapsed()));
        Duration::try_from(left).unwrap_or_default()
    }

    /// Lets `length` pass.
    pub(super) async fn sleep(&mut self, length: Duration) {
        match self.jumps {
            true => self.jumped += length,
            false => tokio::time::sleep(length).await,
        }
    }

    fn after(&self, elapsed: Duration) -> Timestamp {
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        self.began.saturating_add(elapsed).unwrap_or(self.began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_that_was_given_jumps() {
        let began: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut clock = Clock::new(began, true);
        clock.sleep(Duration::from_millis(90_500)).await;
        assert_eq!(clock.elapsed(), Duration::from_millis(90_500));
        assert_eq!(clock.now().to_string(), "2026-01-01T00:01:30Z");
        let at: Timestamp = "2026-01-01T00:01:31Z".parse().unwrap();
        assert_eq!(clock.until(at), Duration::from_millis(500));
        assert_eq!(clock.until(began), Duration::ZERO);
    }
}
