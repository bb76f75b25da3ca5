//! What a run did, as one serialisable value. Text, JSON, summary, annotations
//! and outputs are functions of it.

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use crate::api::{Phase, Status};
use crate::decide::{Action, Measurement, Plan, Share};
use crate::diagnostic::Diagnostic;
use crate::error::Error;

use super::Point;

/// Version of the JSON output.
pub const VERSION: u32 = 1;

/// One run of `step`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// [`VERSION`].
    pub version: u32,
    /// Did commits reach the remote (or, without one, the local branch)?
    pub pushed: bool,
    /// The commit at the tip of the branch afterwards.
    pub head: Option<String>,
    /// Seconds that were waited for a Canary that was nearly due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited: Option<i64>,
    /// One entry for each Canary, by path of its file.
    pub results: Vec<Outcome>,
    /// What concerns the whole run: files that cannot be read, a push that was
    /// refused.
    pub errors: Vec<Error>,
    /// Sentences that are no part of a result.
    #[serde(skip)]
    pub notes: Vec<String>,
    /// Steps that were committed before the results, when several runs are told
    /// as one.
    #[serde(skip)]
    pub earlier: Vec<Outcome>,
    /// The address below which the commits are shown, where it is known.
    #[serde(skip)]
    pub commits_at: Option<Url>,
}

/// One Canary in one run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Namespace and name.
    pub canary: String,
    /// The phase afterwards.
    pub phase: Option<Phase>,
    /// The tick in one word.
    pub action: Action,
    /// The primary's weight in the route afterwards.
    pub primary_weight: Option<i64>,
    /// The canary's weight in the route afterwards.
    pub canary_weight: Option<i64>,
    /// Are requests mirrored afterwards?
    pub mirrored: bool,
    /// Iterations of the run.
    pub iterations: i64,
    /// Failed checks of the run.
    pub failed_checks: i64,
    /// The revision of the target.
    pub revision: Option<String>,
    /// The commit of the step, if there was one.
    pub commit: Option<String>,
    /// The comment that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The person who said it, `NAME <EMAIL>`, where the commit cannot have them as its
    /// author.
    #[serde(skip)]
    pub co_author: Option<String>,
    /// The pull request that proposes the step, or that is waited for. What is said
    /// about the Canary afterwards is then what comes true by merging it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<Proposal>,
    /// Is a rollback proposed by that pull request, and nobody merges it?
    #[serde(skip)]
    pub rollback_waits: bool,
    /// When the next tick is due.
    pub next_step_at: Option<Timestamp>,
    /// Seconds after which the tick came; `None` when nothing was due, or just in
    /// time.
    pub late: Option<i64>,
    /// Checks that were due meanwhile.
    pub missed_checks: u32,
    /// Those of them that failed; the reasons tell of them.
    pub missed_failed: u32,
    /// Why, the most important first.
    pub reasons: Vec<String>,
    /// What was measured.
    pub metrics: Vec<Measurement>,
    /// The share of the requests that the canary had, where it can be compared with the
    /// committed weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// Why the tick could not be taken.
    pub error: Option<Error>,
    /// What failed without keeping the tick from being taken: a gate that
    /// nobody could reach.
    pub failures: Vec<Error>,
    /// Does it hold until a person does something, see [`Plan::needs_person`]?
    #[serde(skip)]
    pub needs_person: bool,
    /// The status before the tick.
    #[serde(skip)]
    pub before: Option<Box<Status>>,
    /// Where the Canary stands, `path:line:column`.
    #[serde(skip)]
    pub place: Option<String>,
    /// Findings that did not stop it.
    #[serde(skip)]
    pub warnings: Vec<Diagnostic>,
    /// What is known of the rollout before and up to this run, oldest first; empty
    /// unless somebody asked.
    #[serde(skip)]
    pub past: Vec<Point>,
}

/// A pull request of GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// Its number.
    pub number: u64,
    /// Where people see it.
    pub url: String,
}

impl Run {
    /// A run of these results, not pushed.
    #[must_use]
    pub fn new(results: Vec<Outcome>, head: Option<String>) -> Self {
        Self {
            version: VERSION,
            pushed: false,
            head,
            waited: None,
            results,
            errors: Vec::new(),
            notes: Vec::new(),
            earlier: Vec::new(),
            commits_at: None,
        }
    }

    /// The results, after the steps that were committed before them.
    pub fn steps(&self) -> impl Iterator<Item = &Outcome> {
        self.earlier.iter().chain(&self.results)
    }

    /// Every error, those of the run first.
    pub fn all_errors(&self) -> impl Iterator<Item = &Error> {
        let of_results = self.steps().flat_map(Outcome::errors);
        self.errors.iter().chain(of_results)
    }

    /// A run that could not begin.
    #[must_use]
    pub fn failed(error: Error) -> Self {
        Self {
            errors: vec![error],
            ..Self::new(Vec::new(), None)
        }
    }

    /// 0, or the highest exit code of the errors.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        Self::code_of(self.all_errors())
    }

    /// 0 without an error, else the highest exit code.
    pub fn code_of<'a>(errors: impl IntoIterator<Item = &'a Error>) -> u8 {
        let codes = errors.into_iter().map(|error| error.kind().exit_code());
        codes.max().unwrap_or(0)
    }

    /// Takes the steps back whose commits nobody will see, and says why.
    pub fn give_up(&mut self, error: Error) {
        for result in &mut self.results {
            if result.commit.is_some() {
                result.take_back();
            }
        }
        self.errors.push(error);
    }

    /// Commits made, in order.
    #[must_use]
    pub fn commits(&self) -> Vec<&str> {
        self.steps()
            .filter_map(|result| result.commit.as_deref())
            .collect()
    }

    /// Is a rollout under way?
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.results.iter().any(Outcome::is_active)
    }

    /// When the first of the next ticks is due.
    #[must_use]
    pub fn next_step_at(&self) -> Option<Timestamp> {
        self.results
            .iter()
            .filter_map(|result| result.next_step_at)
            .min()
    }
}

impl Outcome {
    /// The outcome of a tick that was decided.
    #[must_use]
    pub fn decided(canary: String, revision: &str, before: Option<&Status>, plan: &Plan) -> Self {
        let status = plan.status.as_ref().or(before);
        Self {
            canary,
            phase: plan.phase,
            action: plan.action,
            primary_weight: plan.traffic.map(|traffic| traffic.primary),
            canary_weight: plan.traffic.map(|traffic| traffic.canary),
            mirrored: plan.traffic.is_some_and(|traffic| traffic.mirrored),
            iterations: status.map_or(0, |status| status.iterations),
            failed_checks: status.map_or(0, |status| status.failed_checks),
            revision: Some(revision.to_owned()),
            commit: None,
            comment: None,
            co_author: None,
            pull_request: None,
            rollback_waits: false,
            next_step_at: plan.next_step_at,
            late: plan.late.map(|late| late.by.as_secs()),
            missed_checks: plan.late.map_or(0, |late| late.missed),
            missed_failed: plan.late.map_or(0, |late| late.failed),
            reasons: plan.reasons.clone(),
            metrics: plan.measurements.clone(),
            share: plan.share,
            error: None,
            failures: Vec::new(),
            needs_person: plan.needs_person || plan.action == Action::Suspended,
            before: before.cloned().map(Box::new),
            place: None,
            warnings: Vec::new(),
            past: Vec::new(),
        }
    }

    /// The outcome of a tick that could not be taken.
    #[must_use]
    pub fn failed(canary: String, before: Option<&Status>, error: Error) -> Self {
        let routed = before.and_then(|status| status.routed);
        Self {
            canary,
            phase: before.and_then(|status| status.phase),
            action: Action::Failed,
            primary_weight: routed.map(|traffic| traffic.primary),
            canary_weight: routed.map(|traffic| traffic.canary),
            mirrored: routed.is_some_and(|traffic| traffic.mirrored),
            iterations: before.map_or(0, |status| status.iterations),
            failed_checks: before.map_or(0, |status| status.failed_checks),
            revision: None,
            commit: None,
            comment: None,
            co_author: None,
            pull_request: None,
            rollback_waits: false,
            next_step_at: None,
            late: None,
            missed_checks: 0,
            missed_failed: 0,
            reasons: vec![error.chain()],
            metrics: Vec::new(),
            share: None,
            error: Some(error),
            failures: Vec::new(),
            needs_person: false,
            before: before.cloned().map(Box::new),
            place: None,
            warnings: Vec::new(),
            past: Vec::new(),
        }
    }

    /// The outcome of a tick that was decided and did not reach the branch.
    fn take_back(&mut self) {
        let before = self.before.as_deref();
        let routed = before.and_then(|status| status.routed);
        self.phase = before.and_then(|status| status.phase);
        self.action = Action::Failed;
        self.primary_weight = routed.map(|traffic| traffic.primary);
        self.canary_weight = routed.map(|traffic| traffic.canary);
        self.mirrored = routed.is_some_and(|traffic| traffic.mirrored);
        self.iterations = before.map_or(0, |status| status.iterations);
        self.failed_checks = before.map_or(0, |status| status.failed_checks);
        self.commit = None;
        self.next_step_at = None;
        if let Some(first) = self.reasons.first_mut() {
            *first = format!("not carried out: {first}");
        }
    }

    /// Why the tick could not be taken, or what failed beside it.
    pub fn errors(&self) -> impl Iterator<Item = &Error> {
        self.error.iter().chain(&self.failures)
    }

    /// Does a pull request propose what is said here? Then nothing of it has happened.
    #[must_use]
    pub fn is_proposed(&self) -> bool {
        self.pull_request.is_some() && self.commit.is_none() && self.action != Action::Held
    }

    /// Did the checks speak against the new revision in this run: was the rollout
    /// taken back or halted, or is a rollback waiting for people?
    #[must_use]
    pub fn went_back(&self) -> bool {
        self.rollback_waits || matches!(self.action, Action::RolledBack | Action::Halted)
    }

    /// Is there more to come without anybody doing anything: something that
    /// [is open](Self::is_open), and that time or metrics can move? While requests go
    /// to a canary its checks may take them back, whoever holds it.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        let before = self.before.as_deref();
        let before = before.is_some_and(Status::is_exposed);
        let is_exposed = self.mirrored || self.canary_weight.is_some_and(|weight| weight > 0);
        let checks_go_on = self.action != Action::Suspended && (before || is_exposed);
        let needs_person = self.needs_person && !checks_go_on && self.errors().next().is_none();
        self.is_open() && !needs_person
    }

    /// Is there more to come: a rollout under way, something deferred, a new revision
    /// whose tick is not due yet?
    #[must_use]
    pub fn is_open(&self) -> bool {
        let known = self.before.as_deref();
        let known = known.map(|status| status.last_applied_spec.as_str());
        let is_new = self.action == Action::NotDue && self.revision.as_deref() != known;
        self.is_active() || self.next_step_at.is_some() || is_new
    }

    /// Was there nothing to do, and nothing to tell but that?
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let rests = matches!(
            self.action,
            Action::NotDue | Action::Idle | Action::Suspended
        );
        rests && self.commit.is_none() && self.errors().next().is_none()
    }

    /// Is its rollout under way?
    #[must_use]
    pub fn is_active(&self) -> bool {
        let before = self.before.as_ref().filter(|_| self.pull_request.is_some());
        let before = before.and_then(|status| status.phase);
        let mut phases = self.phase.iter().chain(&before);
        phases.any(|phase| phase.is_active())
    }
}
