//! Which revision do the GitOps controllers run? Asked of Prometheus.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::metrics::prometheus::{Ranged, Series};
use super::{Observer, Subject};
use crate::api::Metric;
use crate::decide::Applied;
use crate::error::{Error, Result};
use crate::template::{QueryVars, render_query};

#[cfg(doc)]
use crate::api::AppliedFrom;

/// Points of the range, at most.
const POINTS: i64 = 99;

/// From one point to the next, at least.
const STEP: SignedDuration = SignedDuration::from_secs(5);

/// What to set when nothing is found.
const HINT: &str = "let kube-state-metrics export gotk_resource_info of Flux's Kustomizations \
    (https://fluxcd.io/flux/monitoring/custom-metrics/), correct spec.gitops.applied.query, or \
    choose another spec.gitops.applied.from";

/// The series of `spec.gitops.applied.query` since a step was committed.
#[derive(Debug)]
pub struct Revisions {
    series: Vec<Series>,
    /// When they were asked for, the newest first; never empty.
    times: Vec<Timestamp>,
}

impl Observer {
    /// Asks for the revisions that run, from `since` to `now`
    /// ([`AppliedFrom::Prometheus`]). `None` when no Prometheus is named.
    ///
    /// The query is a template with the names of any other
    /// ([`render_query`]), asked of `spec.metricsServer`, else of the default.
    ///
    /// # Errors
    /// When the query cannot be rendered, or Prometheus does not answer.
    pub async fn revisions(
        &self,
        subject: &Subject<'_>,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Revisions>> {
        let about = |error: Error| error.while_doing("cannot tell what the cluster runs");
        let Some(prometheus) = self.clients.default_client(subject).map_err(about)? else {
            return Ok(None);
        };
        let gitops = subject.canary.spec.gitops();
        let applied = gitops.applied.as_ref();
        let query = applied.and_then(|applied| applied.query.as_deref());
        let vars = QueryVars::new(subject.canary, &Metric::default());
        let query = render_query(query.unwrap_or_default(), &vars).map_err(|error| {
            about(Error::from(error).hint("the template is `spec.gitops.applied.query`"))
        })?;
        let times = times(since, now);
        let step = match times.as_slice() {
            [last, before, ..] => last.duration_since(*before),
            _ => STEP,
        };
        let start = times.last().copied().unwrap_or(now);
        let ranged = prometheus.range(&query, start, now, step).await;
        let Ranged { series, .. } = ranged.map_err(about)?;
        Ok(Some(Revisions { series, times }))
    }
}

/// From `now` back to about `since`.
fn times(since: Timestamp, now: Timestamp) -> Vec<Timestamp> {
    let span = now.duration_since(since).as_secs().max(0);
    let step = (span / POINTS + 1).max(STEP.as_secs());
    let back = |index: i64| {
        now.checked_sub(SignedDuration::from_secs(step * index))
            .ok()
    };
    (0..=(span + step - 1) / step).filter_map(back).collect()
}

impl Revisions {
    /// Every revision that was found.
    pub fn revisions(&self) -> impl Iterator<Item = &str> {
        self.series.iter().filter_map(revision)
    }

    /// Does every series run one of the revisions that are `ours`, and since when?
    /// `commit` is how the wanted one is shown.
    ///
    /// A series tells by its labels: `revision`; `ready="False"` and
    /// `suspended="true"` are failures whatever runs.
    #[must_use]
    pub fn judge(&self, ours: &BTreeSet<&str>, commit: &str) -> Applied {
        let now = self.at(0);
        if now.is_empty() {
            return Applied::Unknown(format!("no series tells what the cluster runs: {HINT}"));
        }
        for series in &now {
            let says = |label: &str, value: &str| {
                let found = series.metric.get(label);
                found.is_some_and(|found| found.eq_ignore_ascii_case(value))
            };
            if says("suspended", "true") {
                return Applied::Failing(format!("{} is suspended", name(series)));
            }
            if says("ready", "false") {
                return Applied::Failing(format!("{} is not ready", name(series)));
            }
        }
        for series in &now {
            let Some(revision) = revision(series) else {
                return Applied::Unknown(format!(
                    "{} has no label `revision`: {HINT}",
                    name(series)
                ));
            };
            if !ours.contains(revision) {
                let runs = match revision {
                    "" => "nothing yet".to_owned(),
                    revision => shown(revision),
                };
                return Applied::NotYet(format!("{} runs {runs}, not {commit}", name(series)));
            }
        }
        Applied::Since(self.times[self.oldest(ours)])
    }

    /// The position of the oldest time since which nothing but `ours` ran. At some
    /// there may be nothing: a moment without Prometheus says nothing.
    fn oldest(&self, ours: &BTreeSet<&str>) -> usize {
        let mut oldest = 0;
        for index in 1..self.times.len() {
            let found = self.at(index);
            let is_ours =
                |series: &&Series| revision(series).is_some_and(|revision| ours.contains(revision));
            match found.iter().all(is_ours) {
                true if found.is_empty() => {}
                true => oldest = index,
                false => break,
            }
        }
        oldest
    }

    /// The series that have a value at a time.
    fn at(&self, index: usize) -> Vec<&Series> {
        let millis = self.times[index].as_millisecond();
        let has = |series: &&Series| {
            let mut points = series.points.iter();
            points.any(|(time, _)| time.as_millisecond() == millis)
        };
        self.series.iter().filter(has).collect()
    }
}

fn revision(series: &Series) -> Option<&str> {
    series.metric.get("revision").map(String::as_str)
}

/// The commit of a revision as Flux writes it: `main@sha1:<sha>`, `main/<sha>`,
/// `sha1:<sha>`, or the name of the commit alone.
#[must_use]
pub fn commit_of(revision: &str) -> Option<&str> {
    let last = revision.rsplit(['/', ':', '@']).next()?;
    let is_commit = last.len() == 40 && last.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then_some(last)
}

/// A revision with the first digits of its commit.
fn shown(revision: &str) -> String {
    match commit_of(revision) {
        Some(commit) => commit[..8].to_owned(),
        None => format!("`{revision}`"),
    }
}

/// What a series is about: `prod flux-system/apps`, else all its labels.
fn name(series: &Series) -> String {
    let label = |names: &[&str]| {
        let found = names.iter().find_map(|name| series.metric.get(*name));
        found.filter(|value| !value.is_empty())
    };
    let Some(name) = label(&["name", "exported_name"]) else {
        return series.labels.clone();
    };
    let mut text = String::new();
    if let Some(cluster) = label(&["cluster"]) {
        text.push_str(&format!("{cluster} "));
    }
    if let Some(namespace) = label(&["exported_namespace", "namespace"]) {
        text.push_str(&format!("{namespace}/"));
    }
    text + name
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "main@sha1:1111111111111111111111111111111111111111";
    const OLD: &str = "main@sha1:2222222222222222222222222222222222222222";

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn series(labels: &[(&str, &str)], seconds: &[i64]) -> Series {
        let metric = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Series {
            labels: "{all}".to_owned(),
            metric: metric.collect(),
            points: seconds.iter().map(|at| (second(*at), 1.0)).collect(),
            histograms: Vec::new(),
        }
    }

    fn judged(series: Vec<Series>) -> Applied {
        let times = times(second(0), second(20));
        assert_eq!(times, [20, 15, 10, 5, 0].map(second));
        Revisions { series, times }.judge(&[NEW].into(), "11111111")
    }

    #[test]
    fn applied_since_every_series_runs_it() {
        let new = [("revision", NEW)];
        let old = [("revision", OLD)];
        for (found, since) in [
            (vec![series(&new, &[0, 5, 10, 15, 20])], 0),
            (vec![series(&new, &[10, 15, 20]), series(&old, &[0, 5])], 10),
            // Two clusters, the second one later.
            (
                vec![
                    series(&new, &[5, 10, 15, 20]),
                    series(&old, &[0]),
                    series(&[("revision", NEW), ("cluster", "b")], &[15, 20]),
                    series(&[("revision", OLD), ("cluster", "b")], &[0, 5, 10]),
                ],
                15,
            ),
            // A gap says nothing; what ran before it does.
            (vec![series(&new, &[5, 20]), series(&old, &[0])], 5),
            (vec![series(&new, &[0, 20]), series(&old, &[10])], 20),
        ] {
            let text = format!("{found:?}");
            assert_eq!(judged(found), Applied::Since(second(since)), "{text}");
        }
    }

    #[test]
    fn what_else_the_series_can_say() {
        let now = |labels: &[(&str, &str)]| vec![series(labels, &[20])];
        let named = |labels: &[(&'static str, &'static str)]| {
            let mut all = vec![
                ("name", "apps"),
                ("exported_namespace", "flux"),
                ("namespace", "x"),
            ];
            all.extend(labels);
            now(&all)
        };
        for (found, expected) in [
            (
                vec![series(&[("revision", NEW)], &[15])],
                "Unknown no series tells",
            ),
            (now(&[]), "Unknown {all} has no label `revision`"),
            (
                named(&[("revision", OLD)]),
                "NotYet flux/apps runs 22222222, not 11111111",
            ),
            (
                named(&[("revision", "")]),
                "NotYet flux/apps runs nothing yet",
            ),
            (
                named(&[("revision", "v1.2"), ("cluster", "b")]),
                "NotYet b flux/apps runs `v1.2`",
            ),
            (
                named(&[("revision", NEW), ("ready", "False")]),
                "Failing flux/apps is not ready",
            ),
            (
                named(&[("revision", NEW), ("ready", "True"), ("suspended", "true")]),
                "Failing flux/apps is suspended",
            ),
            (
                named(&[("revision", OLD), ("ready", "Unknown"), ("suspended", "")]),
                "NotYet",
            ),
        ] {
            let judged = match judged(found) {
                Applied::Unknown(text) => format!("Unknown {text}"),
                Applied::NotYet(text) => format!("NotYet {text}"),
                Applied::Failing(text) => format!("Failing {text}"),
                Applied::Since(at) => format!("Since {at}"),
            };
            assert!(judged.starts_with(expected), "{judged}");
        }
    }

    #[test]
    fn every_form_of_a_revision() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        for text in [
            "",
            "main@sha1:",
            "main/",
            "sha1:",
            "feature/x@sha1:",
            "refs/heads/main@sha1:",
        ] {
            assert_eq!(commit_of(&format!("{text}{sha}")), Some(sha), "{text}");
        }
        for none in [
            "",
            "main",
            "v1.2.3",
            "main@sha1:0123",
            &format!("latest@sha256:{sha}{sha}"),
        ] {
            assert_eq!(commit_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_long_time_has_few_points() {
        let day = times(second(0), second(86_400));
        assert!(day.len() <= 100, "{}", day.len());
        assert!(*day.last().unwrap() <= second(0));
        assert_eq!(times(second(10), second(10)), [second(10)]);
        assert_eq!(times(second(20), second(10)), [second(10)], "clocks differ");
    }
}
