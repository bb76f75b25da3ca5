//! How long to wait before deciding again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

/// Pauses before each further try after a lost race: five, growing from about 200 ms to at most 5 s
/// plus as much again by chance, so that two runners do not stay in step.
///
/// A try loads and decides anew; a decision is never moved onto another commit.
///
/// ```
/// let pauses: Vec<_> = weirkeeper::repo::retry::attempts().collect();
/// assert_eq!(pauses.len(), 5);
/// ```
pub fn attempts() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(5)
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<Duration> = attempts().collect();
        assert_eq!(pauses.len(), 5);
        assert!(pauses[0] >= Duration::from_millis(200));
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(10)));
        assert!(pauses[4] > pauses[0]);
    }
}
