//! Is a workload ready? Asked of Prometheus, which asks kube-state-metrics.

use jiff::{SignedDuration, Timestamp};
use minijinja::Value;

use super::metrics::Prometheus;
use crate::decide::Reading;
use crate::error::{Error, Result};
use crate::template::{promql_escape, render_go};

/// Ready by the rules of Flagger's `isDeploymentReady` (reference 4.6), except
/// that a Deployment with 0 replicas is not ready: a commit that scales it up is
/// then not taken for applied before it is.
const QUERY: &str = include_str!("../../templates/queries/readiness.promql");

/// The same for a DaemonSet: by its updated and available pods, of those that
/// its nodes should run.
const DAEMON_SET: &str = include_str!("../../templates/queries/readiness-daemonset.promql");

/// Points of the range in which a stuck workload was never ready.
const POINTS: i64 = 20;

/// What is known of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measured {
    /// Enough pods of the wanted revision are available.
    Ready,
    /// Not yet.
    NotReady,
    /// Not, and not at any time since the deadline began.
    Stuck,
    /// Nothing measures it, or the answer is no single number; says what came.
    Unknown(String),
}

/// The workload that is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Pods<'a> {
    /// Its kind; a `DaemonSet` has a query of its own.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Percent of its pods that must be available.
    pub percent: i64,
}

/// Asks whether a workload is ready at `at`.
///
/// `query` is `spec.gitops.readiness.query`, a template (see
/// [`render_query`](crate::template::render_query)) with the names `workload`,
/// `namespace` and `percent` that gives 1 (ready; anything above 0 counts) or 0;
/// the default reads a Deployment or DaemonSet from kube-state-metrics and gives
/// nothing when a series is missing.
///
/// A workload that is not ready is [`Measured::Stuck`] when `deadline` is given
/// and it was measured all through the `deadline` before `at` and never ready.
/// Give the deadline only once that long has passed since the workload was
/// started: one that had no replicas before was not ready, either.
///
/// # Errors
/// When `query` cannot be rendered or Prometheus does not answer.
pub async fn readiness(
    prometheus: &Prometheus,
    query: Option<&str>,
    pods: Pods<'_>,
    at: Timestamp,
    deadline: Option<SignedDuration>,
) -> Result<Measured> {
    let text = rendered(query, pods)?;
    match prometheus.instant(&text, at).await?.reading {
        Reading::Value(value) if value > 0.0 => Ok(Measured::Ready),
        Reading::Value(_) => match deadline.filter(SignedDuration::is_positive) {
            Some(deadline) => since(prometheus, &text, at, deadline).await,
            None => Ok(Measured::NotReady),
        },
        other @ (Reading::Nan
        | Reading::Infinite(_)
        | Reading::Empty
        | Reading::Several(_)
        | Reading::WrongType(_)) => Ok(Measured::Unknown(other.to_string())),
    }
}

fn rendered(query: Option<&str>, pods: Pods<'_>) -> Result<String> {
    let names = [
        ("workload", Value::from(promql_escape(pods.name))),
        ("namespace", Value::from(promql_escape(pods.namespace))),
        ("percent", Value::from(pods.percent)),
    ];
    let text = match (query, pods.kind) {
        (Some(query), _) => query,
        (None, "DaemonSet") => DAEMON_SET,
        (None, _) => QUERY,
    };
    render_go(text, &names).map_err(|error| {
        let error = Error::from(error);
        match query {
            Some(_) => error.hint("the template is `spec.gitops.readiness.query`"),
            None => error,
        }
    })
}

/// Was it ever ready in the `deadline` before `at`?
async fn since(
    prometheus: &Prometheus,
    text: &str,
    at: Timestamp,
    deadline: SignedDuration,
) -> Result<Measured> {
    let step =
        (deadline / i32::try_from(POINTS).unwrap_or(i32::MAX)).max(SignedDuration::from_secs(1));
    let start = at.saturating_sub(deadline).unwrap_or(at);
    let range = prometheus.range(text, start, at, step).await?;
    let [series] = range.series.as_slice() else {
        return Ok(Measured::NotReady);
    };
    let measured_from_start = series
        .points
        .first()
        .is_some_and(|(time, _)| time.duration_since(start) <= step);
    let never = series.points.iter().all(|(_, value)| *value <= 0.0);
    Ok(match measured_from_start && never {
        true => Measured::Stuck,
        false => Measured::NotReady,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::observe::metrics::PrometheusConfig;

    const START: i64 = 1_700_000_000;

    const PODS: Pods<'_> = Pods {
        kind: "Deployment",
        name: "app",
        namespace: "te\"st",
        percent: 50,
    };

    fn body(kind: &str, result: Json) -> ResponseTemplate {
        let data = json!({"resultType": kind, "result": result});
        ResponseTemplate::new(200).set_body_json(json!({"status": "success", "data": data}))
    }

    /// Measured after 600 s with a deadline, given the instant vector and the range.
    async fn found(instant: Json, range: Json) -> Measured {
        let server = MockServer::start().await;
        Mock::given(path("/api/v1/query"))
            .respond_with(body("vector", instant))
            .mount(&server)
            .await;
        Mock::given(path("/api/v1/query_range"))
            .respond_with(body("matrix", range))
            .mount(&server)
            .await;
        let config = PrometheusConfig {
            environment_proxies: false,
            ..PrometheusConfig::new(server.uri().parse().unwrap())
        };
        let prometheus = Prometheus::new(&config).unwrap();
        let at = Timestamp::from_second(START + 600).unwrap();
        let deadline = Some(SignedDuration::from_secs(600));
        let result = readiness(&prometheus, None, PODS, at, deadline)
            .await
            .unwrap();
        let without = readiness(&prometheus, None, PODS, at, None).await.unwrap();
        let patient = match result {
            Measured::Stuck => Measured::NotReady,
            Measured::Ready | Measured::NotReady | Measured::Unknown(_) => result.clone(),
        };
        assert_eq!(without, patient);
        result
    }

    fn now(value: &str) -> Json {
        json!([{"metric": {}, "value": [START, value]}])
    }

    #[tokio::test]
    async fn ready_not_ready_stuck_unknown() {
        let all = json!([{"metric": {}, "values": [[START, "0"], [START + 300, "0"], [START + 600, "0"]]}]);
        let once = json!([{"metric": {}, "values": [[START, "0"], [START + 300, "1"], [START + 600, "0"]]}]);
        let late = json!([{"metric": {}, "values": [[START + 300, "0"], [START + 600, "0"]]}]);
        let cases = [
            (now("1"), json!([]), Measured::Ready),
            (now("0"), json!([]), Measured::NotReady),
            (now("0"), all.clone(), Measured::Stuck),
            (now("0"), once, Measured::NotReady),
            (now("0"), late, Measured::NotReady),
            (json!([]), all, Measured::Unknown("no series".into())),
            (
                now("NaN"),
                json!([]),
                Measured::Unknown("not a number".into()),
            ),
        ];
        for (instant, range, expected) in cases {
            let text = format!("{instant} {range}");
            assert_eq!(found(instant, range).await, expected, "{text}");
        }
    }

    #[test]
    fn queries_are_rendered_strictly() {
        let query = rendered(None, PODS).unwrap();
        assert!(
            query.contains(r#"{namespace="te\"st", deployment="app"}"#),
            "{query}"
        );
        assert!(query.contains("* 50 / 100"), "{query}");
        let kind = "DaemonSet";
        let query = rendered(None, Pods { kind, ..PODS }).unwrap();
        assert!(
            query.contains(r#"_number_available{namespace="te\"st", daemonset="app"}"#),
            "{query}"
        );
        assert!(!query.contains("kube_deployment"), "{query}");
        let own = Some("up{x=\"{{ workload }}\"} * {{ percent }}");
        assert_eq!(rendered(own, PODS).unwrap(), "up{x=\"app\"} * 50");
        let error = rendered(Some("{{ target }}"), PODS).unwrap_err();
        assert!(
            error.chain().contains("`target` is not known here"),
            "{}",
            error.chain()
        );
        assert_eq!(
            error.hints()[1],
            "the template is `spec.gitops.readiness.query`"
        );
    }
}
