//! The pure core: what one tick does for one Canary.
//!
//! [`decide`] has no clock, no files and no network. It looks at the Canary,
//! at [`Facts`] from the repository and at the [`Answers`] collected so far. Is
//! an answer missing that it needs, it asks for it ([`Next::Ask`]); otherwise
//! it returns a [`Plan`], plain data that says everything the tick changes.
//! The caller runs the probes and calls again, so that a later stage's
//! questions are asked only when the earlier stages allow:
//!
//! ```
//! use weirkeeper::api::Canary;
//! use weirkeeper::decide::{Action, Answers, Facts, Next, decide};
//!
//! let canary = Canary::default();
//! let now = "2026-01-01T00:00:00Z".parse().unwrap();
//! let answers = Answers::default();
//! match decide(&canary, &Facts::default(), &answers, now) {
//!     Next::Ask(probes) => assert!(!probes.is_empty()),
//!     Next::Done(plan) => assert_eq!(plan.action, Action::Held),
//! }
//! ```
//!
//! The order of the stages is Flagger's (`scheduler.go`, `advanceCanary`), the
//! deliberate differences are named where they are made.

mod deleted;
mod evidence;
mod facts;
mod person;
mod plan;
mod probe;
mod reading;
mod schedule;
mod share;
mod tick;
mod verdict;
mod weights;
mod windows;

pub use deleted::deleted;
pub use evidence::{Evidence, Wiring, evidence_window};
pub use facts::{Facts, Primary, Routed};
pub use person::{Refusal, Word, person};
pub use plan::{Action, Effect, Event, EventType, Late, Notice, Plan};
pub use probe::{
    Answer, Answers, Applied, MetricAnswer, MetricSource, Probe, Readiness, Times, WebhookAnswer,
    Workload, metric_probes, request_probes,
};
pub use reading::Reading;
pub use schedule::{Milestone, best_answer, hopeful, next_tick, schedule};
pub use share::{Share, ShareVerdict};
pub use verdict::{Measurement, Requests, Verdict, judge};
pub use weights::{after_promotion_step, next_canary_weight};

use jiff::Timestamp;

use crate::api::Canary;

/// What [`decide`] says: ask these, or do this.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Answers that are still missing; never empty.
    Ask(Vec<Probe>),
    /// Everything the tick does.
    Done(Box<Plan>),
}

/// Decides one tick.
///
/// `now` is compared with `status.lastStepTime`: a tick before `interval` has
/// passed does nothing. At most one step is taken, however late the run is.
#[must_use]
pub fn decide(canary: &Canary, facts: &Facts, answers: &Answers, now: Timestamp) -> Next {
    match tick::Tick::new(canary, facts, answers, now).run() {
        Ok(plan) => Next::Done(Box::new(plan)),
        Err(tick::Ask(probes)) => Next::Ask(probes),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
