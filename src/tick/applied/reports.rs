//! What the statuses of a commit and of those after it say together.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::decide::Applied;
use crate::github::{CommitStatus, State};

/// What was reported about a commit and those after it, by context.
pub(super) struct Reports {
    /// Contexts that are this one, or begin with it and `/`, count.
    context: String,
    contexts: BTreeMap<String, Report>,
}

/// What was reported in one context.
struct Report {
    /// The earliest time since which one of the commits was applied.
    since: Option<Timestamp>,
    /// The newest status of all.
    last: CommitStatus,
}

impl Reports {
    pub(super) fn new(context: &str) -> Self {
        Self {
            context: context.trim_end_matches('/').to_owned(),
            contexts: BTreeMap::new(),
        }
    }

    /// Adds the statuses of one commit, which come newest first. What is reported
    /// last counts: a success that a failure followed does not.
    pub(super) fn add(&mut self, statuses: &[CommitStatus]) {
        let counted: Vec<_> = statuses.iter().filter(|it| self.counts(it)).collect();
        let mut seen: BTreeMap<&str, bool> = BTreeMap::new();
        for status in counted {
            let succeeded = seen.entry(&status.context).or_insert(true);
            *succeeded = *succeeded && status.state == State::Success;
            let since = succeeded.then_some(status.created_at);
            let report = self.contexts.entry(status.context.clone());
            let report = report.or_insert_with(|| Report {
                since,
                last: status.clone(),
            });
            report.since = match (report.since, since) {
                (Some(known), Some(new)) => Some(known.min(new)),
                (known, new) => known.or(new),
            };
            if report.last.created_at < status.created_at {
                report.last = status.clone();
            }
        }
    }

    fn counts(&self, status: &CommitStatus) -> bool {
        let rest = status.context.strip_prefix(&self.context);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// When the last context followed, if all did.
    pub(super) fn applied_since(&self) -> Option<Timestamp> {
        let since = self.contexts.values().map(|report| report.since);
        since.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    pub(super) fn judge(&self, commit: &str) -> Applied {
        if let Some(since) = self.applied_since() {
            return Applied::Since(since);
        }
        let waiting = || {
            self.contexts
                .iter()
                .filter(|(_, report)| report.since.is_none())
        };
        let fails = |report: &Report| matches!(report.last.state, State::Failure | State::Error);
        if let Some((context, report)) = waiting().find(|(_, report)| fails(report)) {
            let why = report
                .last
                .description
                .as_deref()
                .unwrap_or("no description");
            return Applied::Failing(format!("{context}: {why}"));
        }
        Applied::NotYet(match waiting().next() {
            Some((context, _)) => format!("{context} is pending"),
            None => format!("{}/… has not reported {commit}", self.context),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLUX: &str = "kustomization/";

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(60 * minute).unwrap()
    }

    fn status(context: &str, state: State, at: i64) -> CommitStatus {
        CommitStatus {
            context: context.to_owned(),
            state,
            description: Some(format!("{state:?} at {at}")),
            created_at: minute(at),
        }
    }

    /// What several commits' statuses say, those of the oldest commit first.
    fn judged(context: &str, commits: &[&[CommitStatus]]) -> Applied {
        let mut reports = Reports::new(context);
        for statuses in commits {
            reports.add(statuses);
        }
        reports.judge("11111111")
    }

    #[test]
    fn applied_once_every_context_has_followed() {
        use State::{Failure, Pending, Success};
        let (a, b) = ("kustomization/a/1", "kustomization/b/2");
        for (commits, since) in [
            (vec![vec![status(a, Success, 3), status(a, Pending, 2)]], 3),
            // It is reported again and again; what counts is since when.
            (vec![vec![status(a, Success, 9), status(a, Success, 3)]], 3),
            (
                vec![vec![
                    status(a, Success, 9),
                    status(a, Failure, 8),
                    status(a, Success, 3),
                ]],
                9,
            ),
            (vec![vec![status(a, Success, 3), status(b, Success, 5)]], 5),
            // b went past the commit.
            (
                vec![vec![status(a, Success, 3)], vec![status(b, Success, 7)]],
                7,
            ),
            // A later commit fails; this one was applied.
            (
                vec![vec![status(a, Success, 3)], vec![status(a, Failure, 7)]],
                3,
            ),
            (
                vec![vec![status(a, Failure, 3)], vec![status(a, Success, 7)]],
                7,
            ),
        ] {
            let slices: Vec<&[CommitStatus]> = commits.iter().map(Vec::as_slice).collect();
            let found = judged(FLUX, &slices);
            assert_eq!(found, Applied::Since(minute(since)), "{commits:?}");
        }
    }

    #[test]
    fn what_else_statuses_can_say() {
        use State::{Error, Failure, Pending, Success};
        let a = "kustomization/a/1";
        let not_yet = |text: &str| Applied::NotYet(text.to_owned());
        let failing = |text: &str| Applied::Failing(text.to_owned());
        let nobody = not_yet("kustomization/… has not reported 11111111");
        for (context, statuses, expected) in [
            (FLUX, vec![], nobody.clone()),
            (FLUX, vec![status("ci/test", Failure, 1)], nobody.clone()),
            (FLUX, vec![status("kustomizations/a", Success, 1)], nobody),
            (
                a,
                vec![status(a, Pending, 1)],
                not_yet("kustomization/a/1 is pending"),
            ),
            (
                "kustomization/a",
                vec![status("kustomization/b/2", Failure, 2), status(a, Error, 1)],
                failing("kustomization/a/1: Error at 1"),
            ),
            (
                FLUX,
                vec![status(a, Failure, 3), status(a, Success, 2)],
                failing("kustomization/a/1: Failure at 3"),
            ),
        ] {
            assert_eq!(judged(context, &[&statuses]), expected, "{statuses:?}");
        }
        assert_eq!(
            judged("flux", &[&[status("flux", Success, 1)]]),
            Applied::Since(minute(1))
        );
    }
}
