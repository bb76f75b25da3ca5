//! What speaks against the built-in metrics of a Canary on its gateway.

use super::{
    Backend, Capability, Confidence, Duration, Gateway, MeasuredBy, Place, QuerySet, Question,
    Reason, Support, Untold, untold,
};
use crate::api::{
    AppliedFrom, BuiltIn, Canary, FieldPath, Metric, Problem, Strategy, parse_duration,
};

/// What speaks against them; nothing when the analysis asks for none.
pub(super) fn review(gateway: &Gateway, canary: &Canary) -> Vec<Problem> {
    let asked = asked(canary);
    let Some((first, _)) = asked.first() else {
        return Vec::new();
    };
    let Some(set) = gateway.set.clone() else {
        return vec![unmeasured(gateway, canary, first)];
    };
    let review = Review {
        gateway,
        canary,
        set: &set,
    };
    if let Some(problem) = review.by_assumption(first) {
        return vec![problem];
    }
    let mut found = Vec::new();
    found.extend(review.is_unknown(first));
    found.extend(review.copies(first));
    found.extend(review.nothing_comes(first));
    found.extend(review.too_often());
    found.extend(review.unseen_primary());
    for (path, metric) in &asked {
        found.extend(review.one(path, metric));
        found.extend(review.interval(path, metric));
        found.extend(review.buckets(path, metric));
    }
    found
}

/// Does the analysis of a Canary ask for something that its gateway measures?
#[must_use]
pub fn is_measured(canary: &Canary) -> bool {
    !asked(canary).is_empty()
}

/// The metrics that are measured with the query set, each with its place.
fn asked(canary: &Canary) -> Vec<(FieldPath, &Metric)> {
    let spec = &canary.spec;
    let analysis = spec.analysis.as_ref().filter(|_| !spec.skips_analysis());
    let metrics = analysis.map(|analysis| analysis.metrics());
    let path = FieldPath::root().key("spec").key("analysis").key("metrics");
    let metrics = metrics.unwrap_or_default().iter().enumerate();
    let asked = metrics.filter(|(_, metric)| metric.is_builtin() || counts(metric));
    asked
        .map(|(index, metric)| (path.index(index), metric))
        .collect()
}

/// Does it ask for the number of requests that the set counts?
fn counts(metric: &Metric) -> bool {
    metric.min_requests() > 0 && metric.requests_query().is_none()
}

/// Nothing measures the canary alone.
fn unmeasured(gateway: &Gateway, canary: &Canary, path: &FieldPath) -> Problem {
    let Some(implementation) = &gateway.implementation else {
        return Problem::error(path.key("name"), "there is no query set to measure it with");
    };
    let title = gateway.shown().unwrap_or_default();
    let reason = match &implementation.refused {
        Some(refused) => refused.reason.clone(),
        None => implementation
            .not_separable
            .clone()
            .unwrap_or_else(|| unfit(&implementation.query_sets)),
    };
    let Reason { why, mut instead } = reason;
    if gateway.assumed(canary, Capability::SeparableMetrics) == Some(true) {
        instead.insert(
            0,
            "leave out `assume: {separableMetrics: true}`, which has no set to choose here"
                .to_owned(),
        );
    }
    let message = format!("cannot be measured with {title}: {why}");
    Problem::error(path.key("name"), message).hint(instead.join("; or "))
}

/// Sets are there, and none fits.
fn unfit(sets: &[String]) -> Reason {
    Reason {
        why: "none of its query sets fits what is known of the route".to_owned(),
        instead: match sets {
            [] => vec!["write a MetricTemplate".to_owned()],
            sets => vec![format!(
                "say which one in spec.gitops.gateway.querySet: {}",
                sets.join(", ")
            )],
        },
    }
}

struct Review<'a> {
    gateway: &'a Gateway,
    canary: &'a Canary,
    set: &'a QuerySet,
}

impl Review<'_> {
    fn query(&self, question: Question, place: &Place) -> bool {
        let query = self.set.query(question, place, Backend::Canary, "1m");
        // A template that does not render is told when it is asked.
        query.map_or(true, |query| query.is_some())
    }

    /// `assume: {separableMetrics: false}`.
    fn by_assumption(&self, path: &FieldPath) -> Option<Problem> {
        let assumed = self
            .gateway
            .assumed(self.canary, Capability::SeparableMetrics);
        let is_refused = assumed == Some(false) && !self.gateway.is_measured_by_workload();
        let message = "cannot be measured: spec.gitops.gateway.assume says that the metrics of the \
                       gateway do not tell the canary apart";
        let hint = "measure what the workloads see, with spec.gitops.gateway.querySet: application";
        is_refused.then(|| Problem::error(path.key("name"), message).hint(hint))
    }

    /// Nobody knows the gateway, and the Canary does not say that this is fine.
    fn is_unknown(&self, path: &FieldPath) -> Option<Problem> {
        let gitops = self.canary.spec.gitops();
        let named = gitops
            .gateway
            .as_ref()
            .and_then(|one| one.query_set.as_ref());
        if self.gateway.implementation.is_some() || named.is_some() {
            return None;
        }
        let message = format!(
            "nobody knows the gateway, since {}: built-in metrics are {}",
            self.gateway.why, self.set.about
        );
        let hint = match &self.gateway.guess {
            Some(name) => {
                format!("if it is {name}, set spec.gitops.gateway.implementation: {name}")
            }
            None => "name it in spec.gitops.gateway.implementation, or set \
                     spec.gitops.gateway.querySet if that is meant"
                .to_owned(),
        };
        Some(Problem::warning(path.key("name"), message).hint(hint))
    }

    /// Copies of requests that the metrics do not count.
    fn copies(&self, path: &FieldPath) -> Option<Problem> {
        let analysis = self.canary.spec.analysis.as_ref()?;
        if !analysis.mirrors() || !self.set.blind_to_mirror {
            return None;
        }
        let others = self.others(|set| !set.blind_to_mirror);
        let message = format!(
            "does not see copies of requests: the query set {} counts none of them, and `mirror` \
             would be judged on nothing",
            self.set.name
        );
        let hint = match others.is_empty() {
            true => "leave out `mirror`, or write a MetricTemplate".to_owned(),
            false => format!(
                "set spec.gitops.gateway.querySet: {}, or leave out `mirror`",
                others.join(" or ")
            ),
        };
        Some(Problem::error(path.key("name"), message).hint(hint))
    }

    /// Blue/green sends the canary nothing before it is judged, and who counts only what
    /// comes by the route counts nothing.
    fn nothing_comes(&self, path: &FieldPath) -> Option<Problem> {
        let analysis = self.canary.spec.analysis.as_ref()?;
        let is_idle = analysis.strategy() == Strategy::BlueGreen && !analysis.mirrors();
        if !is_idle || self.set.by == MeasuredBy::Workload || self.set.all_callers {
            return None;
        }
        let message = format!(
            "never has data: in blue/green without `mirror` no request comes to the canary by the \
             gateway, which is what the query set {} counts",
            self.set.name
        );
        let mut instead = self.others(|set| set.by == MeasuredBy::Workload);
        if !instead.iter().any(|name| name == "application") {
            instead.insert(0, "application".to_owned());
        }
        let sets = instead.join(" or ");
        let mut hint =
            format!("measure what reaches the workload, with spec.gitops.gateway.querySet: {sets}");
        let has_mirror = match self.gateway.assumed(self.canary, Capability::Mirror) {
            Some(assumed) => assumed,
            None => self.gateway.answer(Capability::Mirror).is == Support::Yes,
        };
        if has_mirror && !self.set.blind_to_mirror {
            hint.push_str("; or copy requests to the canary, with `mirror: true`");
        }
        Some(Problem::error(path.key("name"), message).hint(hint))
    }

    /// Steps that follow each other before the values of the first are there.
    fn too_often(&self) -> Option<Problem> {
        let lag = self.set.lag.as_deref()?;
        let analysis = self.canary.spec.analysis.as_ref()?;
        let path = FieldPath::root().key("spec").key("analysis");
        let path = match analysis.interval.is_some() {
            true => path.key("interval"),
            false => path,
        };
        let name = &self.set.name;
        if let Err(error) = parse_duration(lag) {
            let message = format!("the query set {name} says `lag: {lag}`: {error}");
            return Some(Problem::error(path, message).hint("write it as a duration, 210s"));
        }
        let least = self.set.least_interval.as_deref()?;
        let too_often = analysis.interval() < parse_duration(least).ok()?;
        let message = format!(
            "is less than the {least} that the query set {name} needs: its values come up to {lag} \
             late, and the next step would be decided on what was before this one"
        );
        let hint = format!("set `interval: {least}` or more for the analysis");
        too_often.then(|| Problem::error(path, message).hint(hint))
    }

    /// The canary's rule is told by a position at which the primary was served, and
    /// nobody knows when the cluster took the step over.
    fn unseen_primary(&self) -> Option<Problem> {
        let analysis = self.canary.spec.analysis.as_ref()?;
        let is_at_risk = self.set.when.own_rule == Some(true)
            && analysis.strategy() == Strategy::AbTesting
            && self.canary.spec.gitops().applied_from() == AppliedFrom::None;
        let path = FieldPath::root().key("spec").key("analysis").key("match");
        let message = format!(
            "may be judged by the primary's requests: the query set {} knows the canary's rule by \
             its position, which is the primary's until the cluster has applied the first step",
            self.set.name
        );
        let hint = "set spec.gitops.applied, so that each step waits until the cluster runs it";
        is_at_risk.then(|| Problem::warning(path, message).at_key().hint(hint))
    }

    /// Other sets of the implementation, by name.
    fn others(&self, fits: impl Fn(&QuerySet) -> bool) -> Vec<String> {
        let others = self.gateway.others.iter();
        let others = others.filter(|set| set.name != self.set.name && fits(set));
        others.map(|set| set.name.clone()).collect()
    }

    /// Something that the set cannot measure.
    fn one(&self, path: &FieldPath, metric: &Metric) -> Option<Problem> {
        let place = &self.gateway.place;
        let set = &self.set.name;
        let question = match metric.builtin() {
            Some(builtin) => Question::Metric(builtin),
            None => Question::Requests,
        };
        let ignores_status = metric.builtin() == Some(BuiltIn::SuccessRate)
            && place.is_grpc()
            && self.gateway.assumed(self.canary, Capability::GrpcStatus) == Some(false);
        if self.query(question, place) && !ignores_status {
            return None;
        }
        let (why, hint) = match metric.builtin() {
            Some(BuiltIn::SuccessRate) if place.is_grpc() => {
                let others = self.others(|set| set.grpc.is_some());
                let hint = match others.is_empty() {
                    true => "write a MetricTemplate over the application's own metrics".to_owned(),
                    false => format!("set spec.gitops.gateway.querySet: {}", others.join(" or ")),
                };
                let why = "knows no statuses of gRPC, whose failures are answers with HTTP 200";
                (why, hint)
            }
            Some(BuiltIn::Percentile(_)) if self.has_average() => (
                "has no percentiles, only an average",
                format!(
                    "use {}, whose bound has to be lower; or write a MetricTemplate",
                    Metric::AVERAGE_DURATION
                ),
            ),
            Some(BuiltIn::RetryRate) => (
                "does not count requests that were sent again",
                "leave it out, or write a MetricTemplate".to_owned(),
            ),
            Some(BuiltIn::Percentile(_) | BuiltIn::AverageDuration) => (
                "does not measure how long requests take",
                "write a MetricTemplate".to_owned(),
            ),
            Some(BuiltIn::SuccessRate) => (
                "does not tell which requests failed",
                "write a MetricTemplate".to_owned(),
            ),
            None => (
                "does not count requests",
                "give a `requestsQuery`".to_owned(),
            ),
        };
        let message = format!("cannot be measured: the query set {set} {why}");
        let field = match metric.is_builtin() {
            true => "name",
            false => "minRequests",
        };
        Some(Problem::error(path.key(field), message).hint(hint))
    }

    fn has_average(&self) -> bool {
        let question = Question::Metric(BuiltIn::AverageDuration);
        self.query(question, &self.gateway.place)
    }

    /// A window in which the metrics have nothing yet.
    fn interval(&self, path: &FieldPath, metric: &Metric) -> Option<Problem> {
        let least = self.set.least_interval.as_deref()?;
        let seconds = |text| parse_duration(text).ok().map(|time| time.as_secs());
        let (window, shortest) = (seconds(metric.interval())?, seconds(least)?);
        let message = format!(
            "is less than the {least} that the query set {} needs: its values come that late",
            self.set.name
        );
        let field = match metric.interval.is_some() {
            true => path.key("interval"),
            false => path.clone(),
        };
        let hint = format!("set `interval: {least}`, here and for the analysis, or more");
        (window < shortest).then(|| Problem::error(field, message).hint(hint))
    }

    /// A bound that the buckets of the histogram cannot tell.
    fn buckets(&self, path: &FieldPath, metric: &Metric) -> Option<Problem> {
        let Some(BuiltIn::Percentile(_)) = metric.builtin() else {
            return None;
        };
        let max = metric.bounds(true).max?;
        let durations = self.set.durations(&self.gateway.place, Backend::Canary)?;
        let problem = bucket(durations, max)?;
        let path = match metric.threshold_range.is_some() {
            true => path.key("thresholdRange").key("max"),
            false => path.key("threshold"),
        };
        let hint = "configure buckets around it, or take a bound that is one of theirs";
        let title = self
            .gateway
            .shown()
            .unwrap_or_else(|| self.set.name.clone());
        let message = format!("{problem}, if {title} has the buckets it comes with");
        Some(Problem::warning(path, message).hint(hint))
    }
}

/// What is wrong with an upper bound of `max` milliseconds for a percentile.
fn bucket(durations: &Duration, max: f64) -> Option<String> {
    let histogram = durations.histogram.as_ref()?;
    let unit = durations.unit.in_milliseconds();
    let bounds: Vec<f64> = durations.bounds.iter().map(|bound| bound * unit).collect();
    Some(match untold(&bounds, max)? {
        Untold::Above { highest } => {
            format!("can never fail: {histogram} tells nothing above {highest} ms")
        }
        Untold::Inside { lower, upper } => {
            format!("is judged by guess: {histogram} tells nothing between {lower} and {upper} ms")
        }
    })
}

/// The first set of an implementation that fits; see [`Gateway::set`].
///
/// A set that fits always is not enough where the metrics of one rule are not
/// separable: then it has to be one for routes such as this one. No default depends on
/// names that nobody has confirmed.
pub(super) fn is_fit(
    set: &QuerySet,
    canary: &Canary,
    place: &Place,
    class: Option<&str>,
    separable: Separable,
) -> bool {
    let when = &set.when;
    let analysis = canary.spec.analysis.as_ref();
    let own_rule = analysis.is_some_and(|analysis| analysis.strategy() == Strategy::AbTesting);
    let sites = || place.canary.sites.iter().chain(&place.primary.sites);
    let filters = sites().next().is_some() && sites().all(|site| site.filtered);
    let class_fits = |classes: &Vec<String>| {
        class.is_some_and(|class| classes.iter().any(|known| known == class))
    };
    let is_special = when.filters.is_some() || when.own_rule.is_some();
    when.filters
        .is_none_or(|wanted| wanted == filters || separable == Separable::Assumed)
        && when.own_rule.is_none_or(|wanted| wanted == own_rule)
        && when.classes.as_ref().is_none_or(class_fits)
        && (is_special || separable != Separable::No)
        && (set.confidence != Some(Confidence::Low) || separable == Separable::Assumed)
}

/// Do the metrics tell two backends of one rule apart?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separable {
    Yes,
    /// The Canary says so.
    Assumed,
    No,
}

impl Separable {
    /// What the Canary assumes, else what is known; that nobody knows is no reason to
    /// refuse.
    pub(super) fn of(assumed: Option<bool>, known: Support) -> Self {
        match (assumed, known) {
            (Some(true), _) => Self::Assumed,
            (None | Some(false), Support::No) => Self::No,
            (None | Some(false), Support::Yes | Support::Unknown) => Self::Yes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::{Catalogue, Unit};

    /// What is said about a Canary with this analysis and `spec.gitops` that uses a set.
    fn told(set: &str, analysis: &str, gitops: &str) -> Vec<String> {
        let metrics = "[{name: request-success-rate, interval: 5m, thresholdRange: {min: 99}}]";
        let text = format!(
            "{{apiVersion: flagger.app/v1beta1, kind: Canary, metadata: {{name: podinfo}}, spec: \
             {{targetRef: {{kind: Deployment, name: podinfo}}, gitops: {{{gitops}}}, \
             service: {{port: 80}}, analysis: {{threshold: 1, metrics: {metrics}, {analysis}}}}}}}"
        );
        let canary: Canary = serde_yaml::from_str(&text).unwrap();
        let catalogue = Catalogue::builtin();
        let contour = catalogue.implementation("contour").unwrap();
        let why = (String::new(), Place::default());
        let mut gateway = Gateway::known(catalogue, contour, None, &canary, why);
        gateway.set = catalogue.set(set);
        let found = review(&gateway, &canary).into_iter();
        let found = found.map(|one| (one.is_error(), one.path.to_string(), one));
        let told = found.map(|(is_error, path, one)| format!("{is_error} {path} {}", one.message));
        told.collect()
    }

    #[test]
    fn blue_green_without_copies_has_no_data_at_a_gateway() {
        let nothing: [&str; 0] = [];
        let found = told("contour", "iterations: 3", "");
        let [one] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(one.starts_with("true spec.analysis.metrics[0].name never has data"));
        assert_eq!(told("contour", "iterations: 3, mirror: true", ""), nothing);
        assert_eq!(told("contour", "stepWeight: 10", ""), nothing);
        // Who counts every caller counts a load test.
        assert_eq!(told("istio", "iterations: 3", ""), nothing);
        assert_eq!(told("application", "iterations: 3", ""), nothing);
    }

    #[test]
    fn steps_wait_for_values_that_come_late() {
        let nothing: [&str; 0] = [];
        let found = told("gke-global", "stepWeight: 10, interval: 1m", "");
        let [one] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(one.starts_with("true spec.analysis.interval is less than the 5m"));
        let enough = "stepWeight: 10, interval: 5m";
        assert_eq!(told("gke-global", enough, ""), nothing);
    }

    #[test]
    fn who_judges_by_a_rule_should_know_when_it_is_there() {
        let nothing: [&str; 0] = [];
        let test = "iterations: 3, match: [{headers: {x: {exact: y}}}]";
        let found = told("kong-rule", test, "");
        let [one] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(one.starts_with("false spec.analysis.match may be judged by the primary's"));
        let applied = "applied: {from: delay, delay: 5m}";
        assert_eq!(told("kong-rule", test, applied), nothing);
        assert_eq!(told("contour", test, ""), nothing);
    }

    #[test]
    fn bounds_that_buckets_cannot_tell() {
        let traefik = Duration {
            histogram: Some("h".to_owned()),
            unit: Unit::Seconds,
            bounds: vec![0.1, 0.3, 1.2, 5.0],
            ..Duration::default()
        };
        let told = |max| bucket(&traefik, max);
        assert_eq!(told(100.0), None);
        assert_eq!(told(300.0), None);
        assert_eq!(told(250.0), None);
        assert_eq!(told(1000.0), None);
        let guess = "is judged by guess: h tells nothing between 300 and 1200 ms";
        assert_eq!(told(500.0).as_deref(), Some(guess));
        let first = "is judged by guess: h tells nothing between 0 and 100 ms";
        assert_eq!(told(50.0).as_deref(), Some(first));
        let never = "can never fail: h tells nothing above 5000 ms";
        assert_eq!(told(5000.0).as_deref(), Some(never));
        assert_eq!(told(9000.0).as_deref(), Some(never));
        let average = Duration {
            average: Some("a".to_owned()),
            histogram: None,
            ..traefik
        };
        assert_eq!(bucket(&average, 500.0), None);
    }
}
