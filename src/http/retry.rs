//! How often and how long a safe request is repeated.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderName, RETRY_AFTER};

use super::{Answer, Failure};

/// How often and how long a safe request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in total. Defaults to 3; 1 repeats nothing.
    pub tries: usize,
    /// The first wait; each further one is twice as long, and each is
    /// lengthened at random up to its double. Defaults to 300 ms.
    pub first_wait: Duration,
    /// The longest wait before the random part. Defaults to 5 s.
    pub longest_wait: Duration,
    /// Limit for all attempts and waits together. Defaults to 30 s.
    pub deadline: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            tries: 3,
            first_wait: Duration::from_millis(300),
            longest_wait: Duration::from_secs(5),
            deadline: Duration::from_secs(30),
        }
    }
}

impl Retry {
    /// The waits between the attempts.
    pub(super) fn delays(&self) -> impl Iterator<Item = Duration> + use<> {
        ExponentialBuilder::new()
            .with_min_delay(self.first_wait)
            .with_max_delay(self.longest_wait)
            .with_factor(2.0)
            .with_jitter()
            .with_max_times(self.tries.saturating_sub(1))
            .build()
    }

    /// What is left of the deadline.
    pub(super) fn left(&self, spent: Duration) -> Duration {
        self.deadline.saturating_sub(spent)
    }
}

/// How to wait; the default sleeps.
#[derive(Clone)]
pub struct Pause(Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>);

impl Pause {
    /// Waits by `wait`.
    pub fn new(wait: impl Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(wait))
    }

    /// Waits.
    pub async fn wait(&self, duration: Duration) {
        (self.0)(duration).await;
    }
}

impl Default for Pause {
    fn default() -> Self {
        Self::new(|duration| Box::pin(tokio::time::sleep(duration)))
    }
}

impl fmt::Debug for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pause")
    }
}

/// What an outcome asks for.
pub(super) enum Wish {
    /// It is final.
    Done,
    /// Once more, but not before this time has passed.
    Again(Duration),
}

/// Is `outcome` worth another attempt?
pub(super) fn wish(outcome: &Result<Answer, Failure>) -> Wish {
    match outcome {
        Err(failure) if failure.is_transient() => Wish::Again(Duration::ZERO),
        Ok(answer) if is_transient(answer.status) => {
            Wish::Again(retry_after(answer).unwrap_or_default())
        }
        Ok(_) | Err(_) => Wish::Done,
    }
}

fn is_transient(status: StatusCode) -> bool {
    [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ]
    .contains(&status)
}

/// The wait the server asks for: seconds, or a date counted from the answer's
/// own `Date`, so that no clock of ours is needed.
pub(super) fn retry_after(answer: &Answer) -> Option<Duration> {
    let header = |name: HeaderName| answer.headers.get(name)?.to_str().ok().map(str::trim);
    let wanted = header(RETRY_AFTER)?;
    if let Ok(seconds) = wanted.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date =
        |text: &str| -> Option<Timestamp> { DateTimeParser::new().parse_timestamp(text).ok() };
    let wait = date(wanted)?.duration_since(date(header(DATE)?)?);
    Some(wait.try_into().unwrap_or_default())
}

/// `outcome` with the number of tries noted.
pub(super) fn counted(outcome: Result<Answer, Failure>, tries: u32) -> Result<Answer, Failure> {
    match outcome {
        Ok(answer) => Ok(Answer { tries, ..answer }),
        Err(failure) => Err(Failure { tries, ..failure }),
    }
}
