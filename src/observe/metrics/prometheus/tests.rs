use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use wiremock::matchers::{body_string_contains, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::decide::Reading;
use crate::error::Kind;
use crate::http::Retry;

type Waits = Arc<Mutex<Vec<Duration>>>;

fn at() -> Timestamp {
    "2026-01-02T03:04:05.678Z".parse().unwrap()
}

fn config(address: &str) -> PrometheusConfig {
    PrometheusConfig {
        environment_proxies: false,
        ..PrometheusConfig::new(address.parse().unwrap())
    }
}

/// A client that notes its waits instead of waiting.
fn client(config: &PrometheusConfig) -> (Prometheus, Waits) {
    let waits = Waits::default();
    let noted = Arc::clone(&waits);
    let prometheus = Prometheus::new(config).unwrap();
    let prometheus = prometheus.with_pause(Pause::new(move |wait| {
        noted.lock().unwrap().push(wait);
        Box::pin(std::future::ready(()))
    }));
    (prometheus, waits)
}

async fn serving(response: ResponseTemplate) -> (MockServer, Prometheus) {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/query"))
        .respond_with(response)
        .mount(&server)
        .await;
    let prometheus = client(&config(&server.uri())).0;
    (server, prometheus)
}

fn body(kind: &str, result: serde_json::Value) -> ResponseTemplate {
    let data = json!({"resultType": kind, "result": result});
    ResponseTemplate::new(200).set_body_json(json!({"status": "success", "data": data}))
}

fn sample(value: &str) -> ResponseTemplate {
    body(
        "vector",
        json!([{"metric": {}, "value": [1700000000.1, value]}]),
    )
}

#[tokio::test]
async fn readings() {
    let text = |text: &str| text.to_owned();
    let cases = [
        (sample("99.97"), Reading::Value(99.97)),
        (sample("-0.5e-3"), Reading::Value(-0.0005)),
        (sample("NaN"), Reading::Nan),
        (sample("+Inf"), Reading::Infinite(f64::INFINITY)),
        (sample("-Inf"), Reading::Infinite(f64::NEG_INFINITY)),
        (body("vector", json!([])), Reading::Empty),
        (
            body("scalar", json!([1700000000, "3"])),
            Reading::Value(3.0),
        ),
        (body("scalar", json!([1700000000, "NaN"])), Reading::Nan),
        (
            body("string", json!([1700000000, "hi"])),
            Reading::WrongType(text("a text")),
        ),
        (
            body("matrix", json!([{"metric": {}, "values": [[1, "2"]]}])),
            Reading::WrongType(text("a range of samples (matrix)")),
        ),
        (
            body("streams", json!([])),
            Reading::WrongType(text("`streams`")),
        ),
        (
            body(
                "vector",
                json!([{"metric": {}, "histogram": [1, {"count": "3", "buckets": []}]}]),
            ),
            Reading::WrongType(text("a native histogram")),
        ),
        (
            body(
                "vector",
                json!([
                    {"metric": {"__name__": "up", "job": "a\"b"}, "value": [1, "1"]},
                    {"metric": {"__name__": "up"}, "value": [1, "NaN"]},
                    {"metric": {"a": "1", "b": "2"}, "value": [1, "1"]},
                    {"metric": {}, "histogram": [1, {}]},
                ]),
            ),
            Reading::Several(vec![
                text(r#"up{job="a\"b"}"#),
                text("up"),
                text(r#"{a="1", b="2"}"#),
                text("{}"),
            ]),
        ),
    ];
    for (response, expected) in cases {
        let (_server, prometheus) = serving(response).await;
        let found = prometheus.instant("up", at()).await.unwrap();
        match expected {
            // NaN is equal to nothing, so the variants are compared by their text.
            Reading::Nan => assert!(matches!(found.reading, Reading::Nan), "{found:?}"),
            expected => assert_eq!(found.reading, expected),
        }
    }
}

#[tokio::test]
async fn warnings_are_kept() {
    let (_server, prometheus) = serving(ResponseTemplate::new(200).set_body_json(json!({
        "status": "success",
        "data": {"resultType": "vector", "result": []},
        "warnings": ["store b is down"],
        "infos": ["not a counter"],
    })))
    .await;
    let found = prometheus.instant("up", at()).await.unwrap();
    assert_eq!(found.warnings, ["store b is down"]);
    assert_eq!(found.infos, ["not a counter"]);
}

/// The error of an answer, as `chain` and hints.
async fn error_of(response: ResponseTemplate) -> (String, String) {
    let (server, prometheus) = serving(response).await;
    let error = prometheus
        .instant("sum(\n  up{a=\"b  c\"}\n)", at())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Remote);
    (
        error.chain().replace(&server.uri(), "ADDRESS"),
        error.hints().join("\n"),
    )
}

#[tokio::test]
async fn answers_that_are_none() {
    let page = "<!DOCTYPE html>\n<title>Sign in</title>";
    let refused = |status, kind: &str, text: &str| {
        ResponseTemplate::new(status)
            .set_body_json(json!({"status": "error", "errorType": kind, "error": text}))
    };
    let text = |status, text: &str| ResponseTemplate::new(status).set_body_string(text);
    let cases = [
        (
            ResponseTemplate::new(200).set_body_raw(page, "text/html"),
            "ADDRESS/ answered with a web page: <!DOCTYPE html>",
            "a login page",
        ),
        (
            text(200, "\n <html>"),
            "answered with a web page: <html>",
            "wrong path",
        ),
        (
            text(200, r#"{"status":"success","data":{"resu"#),
            "is not one of Prometheus: the JSON ends too early",
            "it begins with: {\"status\"",
        ),
        (text(200, ""), "the JSON ends too early", ""),
        (
            text(200, "hello"),
            "is not one of Prometheus: expected value at line 1",
            "it begins with: hello",
        ),
        (text(200, "{}"), "missing field `status`", ""),
        (
            text(200, r#"{"status":"success"}"#),
            "`data` is missing",
            "",
        ),
        (sample("many"), "the sample `many` is not a number", ""),
        (body("vector", json!({})), "invalid type: map", ""),
        (
            refused(200, "internal", "no"),
            "does not answer the query: internal: no",
            "the query: sum( up{a=\"b c\"} )",
        ),
        (
            refused(400, "bad_data", "1:4: parse error"),
            "Prometheus at ADDRESS/ does not answer the query: bad_data: 1:4: parse error",
            "the query: sum(",
        ),
        (
            refused(422, "execution", "many-to-many"),
            "execution: many-to-many",
            "the query: ",
        ),
        (
            refused(503, "timeout", "query timed out"),
            "does not answer the query (3 tries): timeout: query timed out",
            "takes less time",
        ),
        (
            text(400, "bad\u{1b}[31m\nsecond"),
            "answered 400 Bad Request: bad[31m",
            "",
        ),
        (
            text(401, "who?"),
            "answered 401 Unauthorized: who?",
            "none were sent",
        ),
        (text(403, ""), "answered 403 Forbidden", "none were sent"),
        (
            text(404, "404 page not found"),
            "answered 404 Not Found: 404 page not found",
            "is a path missing",
        ),
        (
            text(500, "oops"),
            "answered 500 Internal Server Error: oops",
            "",
        ),
        (text(502, ""), "answered 502 Bad Gateway (3 tries)", ""),
        (
            text(429, "slow down"),
            "answered 429 Too Many Requests (3 tries): slow down",
            "too many queries",
        ),
        (
            ResponseTemplate::new(302)
                .insert_header("location", "https://me:pw@login.example/?token=t0k"),
            "answered 302 Found",
            "https://***@login.example/?token=***:",
        ),
    ];
    for (response, chain, hint) in cases {
        let (found, hints) = error_of(response).await;
        assert!(found.contains(chain), "{found}\nshould have {chain}");
        assert!(hints.contains(hint), "{found}: {hints}\nshould have {hint}");
    }
}

#[tokio::test]
async fn a_huge_body_is_not_read() {
    let (found, hints) =
        error_of(ResponseTemplate::new(200).set_body_bytes(vec![b' '; (8 << 20) + 1])).await;
    assert_eq!(
        found,
        "no usable answer from Prometheus at ADDRESS/: the answer is larger than 8388608 bytes"
    );
    assert!(hints.contains("aggregate"), "{hints}");
}

#[tokio::test]
async fn a_slow_answer_is_not_awaited() {
    let server = MockServer::start().await;
    let slow = sample("1").set_delay(Duration::from_secs(600));
    Mock::given(method("GET"))
        .respond_with(slow)
        .expect(2)
        .mount(&server)
        .await;
    let mut config = config(&server.uri());
    config.timeout = Duration::from_millis(50);
    config.retry.tries = 2;
    let (prometheus, waits) = client(&config);
    let error = prometheus.instant("up", at()).await.unwrap_err();
    assert!(
        error.chain().ends_with("no answer in time, 2 tries"),
        "{}",
        error.chain()
    );
    assert_eq!(waits.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn names_inside_the_cluster_get_a_hint() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let (prometheus, waits) = client(&config(&format!("http://{free}")));
    let error = prometheus.instant("up", at()).await.unwrap_err();
    assert!(
        error.chain().contains("the connection was refused"),
        "{}",
        error.chain()
    );
    assert!(error.chain().ends_with("3 tries"), "{}", error.chain());
    assert_eq!(
        error.hints(),
        ["is Prometheus running there, on this port?"]
    );
    assert_eq!(waits.lock().unwrap().len(), 2);

    let (prometheus, _) = client(&config("http://prometheus.monitoring.svc.invalid:9090"));
    let error = prometheus.instant("up", at()).await.unwrap_err();
    let hint = &error.hints()[0];
    // A resolver that is out of reach may time out instead; the hint is the same.
    assert!(
        hint.contains("looks like a name inside the cluster"),
        "{hint}: {}",
        error.chain()
    );
}

#[tokio::test]
async fn moments_of_weakness_are_forgiven() {
    let dated = ResponseTemplate::new(429)
        .insert_header("date", "Fri, 02 Jan 2026 03:04:05 GMT")
        .insert_header("retry-after", "Fri, 02 Jan 2026 03:04:12 GMT");
    for (weak, asks_for_7) in [
        (ResponseTemplate::new(503), false),
        (ResponseTemplate::new(502), false),
        (ResponseTemplate::new(504), false),
        (
            ResponseTemplate::new(503).insert_header("retry-after", "soon"),
            false,
        ),
        (
            ResponseTemplate::new(429).insert_header("retry-after", "7"),
            true,
        ),
        (dated, true),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .respond_with(weak)
            .up_to_n_times(1)
            .mount(&server)
            .await;
        Mock::given(method("GET"))
            .respond_with(sample("1"))
            .mount(&server)
            .await;
        let (prometheus, waits) = client(&config(&server.uri()));
        let found = prometheus.instant("up", at()).await.unwrap();
        assert_eq!(found.reading, Reading::Value(1.0));
        let waits = waits.lock().unwrap().clone();
        let [wait] = waits.as_slice() else {
            panic!("{waits:?}");
        };
        match asks_for_7 {
            true => assert_eq!(*wait, Duration::from_secs(7)),
            false => assert!((300..=600).contains(&wait.as_millis()), "{wait:?}"),
        }
    }
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_not_begun() {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "3600");
    Mock::given(method("GET"))
        .respond_with(busy)
        .expect(1)
        .mount(&server)
        .await;
    let (prometheus, waits) = client(&config(&server.uri()));
    let error = prometheus.instant("up", at()).await.unwrap_err();
    assert!(error.message().contains("429"), "{error}");
    assert!(waits.lock().unwrap().is_empty());
}

#[tokio::test]
async fn waits_grow_and_end() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(503))
        .expect(5)
        .mount(&server)
        .await;
    let mut config = config(&server.uri());
    config.retry = Retry {
        tries: 9,
        first_wait: Duration::from_secs(1),
        longest_wait: Duration::from_secs(60),
        // 1, 2, 4, 8 seconds, each up to twice as long: the fifth never fits.
        deadline: Duration::from_secs(31),
    };
    let (prometheus, waits) = client(&config);
    prometheus.instant("up", at()).await.unwrap_err();
    let waits = waits.lock().unwrap().clone();
    assert!(
        waits.iter().sum::<Duration>() < config.retry.deadline,
        "{waits:?}"
    );
    for (wait, base) in waits.iter().zip([1, 2, 4, 8]) {
        let base = Duration::from_secs(base);
        assert!((base..=base * 2).contains(wait), "{waits:?}");
    }
}

#[tokio::test]
async fn a_long_query_is_posted() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/v1/query"))
        .and(body_string_contains("query=up+or+up"))
        .and(body_string_contains("time=1767323045.678"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(sample("4"))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(405))
        .mount(&server)
        .await;
    let (prometheus, waits) = client(&config(&server.uri()));
    let query = "up or ".repeat(400) + "up";
    let found = prometheus.instant(&query, at()).await.unwrap();
    assert_eq!(found.reading, Reading::Value(4.0));
    assert_eq!(
        waits.lock().unwrap().len(),
        1,
        "a query only reads: it is repeated"
    );
    let error = prometheus.instant(&query, at()).await.unwrap_err();
    assert!(
        error.hints()[0].contains("sent by POST"),
        "{:?}",
        error.hints()
    );
}

#[tokio::test]
async fn the_request_is_as_written() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/prom/api/v1/query"))
        .and(query_param("tenant", "a"))
        .and(query_param("query", "up{a=\"x  y\"}\n  > 0"))
        .and(query_param("time", "1767323045.678"))
        .respond_with(sample("1"))
        .mount(&server)
        .await;
    for address in ["/prom?tenant=a", "/prom/?tenant=a"] {
        let (prometheus, _) = client(&config(&format!("{}{address}", server.uri())));
        let found = prometheus
            .instant("\n up{a=\"x  y\"}\n  > 0 \n", at())
            .await
            .unwrap();
        assert_eq!(found.reading, Reading::Value(1.0));
    }
}

/// The values of `name` in the last request.
async fn sent(server: &MockServer, name: &str) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let values = requests.last().unwrap().headers.get_all(name).iter();
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn credentials_are_sent_once_and_never_shown() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(sample("1"))
        .mount(&server)
        .await;
    let bearer = Some(Credentials::Bearer("s3cret\n".to_owned().into()));
    let basic = Some(Credentials::Basic {
        user: "me".into(),
        password: "s3cret".to_owned().into(),
    });
    let with_user = server.uri().replace("http://", "http://you:p%40ss@");
    let own = BTreeMap::from([("authorization".to_owned(), vec!["Own s3cret".to_owned()])]);
    let cases = [
        (
            server.uri(),
            bearer.clone(),
            BTreeMap::new(),
            "Bearer s3cret",
        ),
        (server.uri(), basic, BTreeMap::new(), "Basic bWU6czNjcmV0"),
        (
            with_user.clone(),
            None,
            BTreeMap::new(),
            "Basic eW91OnBAc3M=",
        ),
        (with_user.clone(), None, own.clone(), "Own s3cret"),
        (with_user, bearer, own, "Bearer s3cret"),
    ];
    for (address, credentials, mut headers, expected) in cases {
        headers.insert("X-Scope-OrgID".into(), vec!["a".into(), "b".into()]);
        let config = PrometheusConfig {
            credentials,
            headers,
            ..config(&address)
        };
        let (prometheus, _) = client(&config);
        for _ in 0..3 {
            prometheus.instant("up", at()).await.unwrap();
            assert_eq!(sent(&server, "authorization").await, [expected]);
            assert_eq!(sent(&server, "x-scope-orgid").await, ["a", "b"]);
        }
        assert_eq!(sent(&server, "user-agent").await, [crate::http::USER_AGENT]);
        let shown = format!("{config:?} {prometheus:?}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("p%40ss"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_redirect_elsewhere_is_not_followed() {
    let elsewhere = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(sample("1"))
        .expect(0)
        .mount(&elsewhere)
        .await;
    let server = MockServer::start().await;
    let away = ResponseTemplate::new(307).insert_header("location", elsewhere.uri());
    Mock::given(path("/api/v1/query"))
        .respond_with(away)
        .mount(&server)
        .await;
    let mut config = config(&server.uri());
    config.credentials = Some(Credentials::Bearer("s3cret".to_owned().into()));
    let (prometheus, _) = client(&config);
    let error = prometheus.instant("up", at()).await.unwrap_err();
    assert!(
        error.hints()[0].contains(&elsewhere.uri()),
        "{:?}",
        error.hints()
    );
}

#[tokio::test]
async fn a_redirect_within_the_origin_is_followed() {
    let server = MockServer::start().await;
    let within = ResponseTemplate::new(307).insert_header("location", "/real?query=up");
    Mock::given(path("/api/v1/query"))
        .respond_with(within)
        .mount(&server)
        .await;
    Mock::given(path("/real"))
        .respond_with(sample("1"))
        .mount(&server)
        .await;
    let mut config = config(&server.uri());
    config.credentials = Some(Credentials::Bearer("s3cret".to_owned().into()));
    let (prometheus, _) = client(&config);
    let found = prometheus.instant("up", at()).await.unwrap();
    assert_eq!(found.reading, Reading::Value(1.0));
    assert_eq!(sent(&server, "authorization").await, ["Bearer s3cret"]);
}

#[tokio::test]
async fn refused_credentials_name_their_source() {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/query"))
        .respond_with(ResponseTemplate::new(401))
        .mount(&server)
        .await;
    let mut config = config(&server.uri());
    config.credentials_from = Some("the secret monitoring/prom-auth".into());
    let error = client(&config).0.instant("up", at()).await.unwrap_err();
    assert_eq!(
        error.hints(),
        ["it wants credentials and none were sent: set the secret monitoring/prom-auth"]
    );
    config.credentials = Some(Credentials::Bearer("s3cret".to_owned().into()));
    let error = client(&config).0.instant("up", at()).await.unwrap_err();
    assert_eq!(
        error.hints(),
        ["the credentials were not accepted: check the secret monitoring/prom-auth"]
    );
}

#[tokio::test]
async fn ranges_are_read_by_time() {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/query_range"))
        .and(query_param("start", "1700000000.000"))
        .and(query_param("end", "1700000060.000"))
        .and(query_param("step", "30.000"))
        .respond_with(body("matrix", json!([
            {"metric": {"a": "1"}, "values": [[1700000000, "1"], [1700000030, "NaN"]]},
            {"metric": {"a": "2"}, "values": [[1700000000, "2"]], "histograms": [[1700000060, {"count": "1"}]]},
        ])))
        .mount(&server)
        .await;
    let (prometheus, _) = client(&config(&server.uri()));
    let time = |second| Timestamp::from_second(second).unwrap();
    let (start, end) = (time(1_700_000_000), time(1_700_000_060));
    let found = prometheus
        .range("up", start, end, SignedDuration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(found.series.len(), 2);
    assert_eq!(
        found.reading_at(start),
        Reading::Several(vec![r#"{a="1"}"#.into(), r#"{a="2"}"#.into()])
    );
    assert!(matches!(
        found.reading_at(time(1_700_000_030)),
        Reading::Nan
    ));
    assert!(matches!(found.reading_at(end), Reading::WrongType(_)));
    assert_eq!(found.reading_at(time(1_700_000_031)), Reading::Empty);
}

#[tokio::test]
async fn a_range_is_a_matrix() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(sample("1"))
        .mount(&server)
        .await;
    let (prometheus, _) = client(&config(&server.uri()));
    let error = prometheus
        .range("up", at(), at(), SignedDuration::from_secs(1))
        .await
        .unwrap_err();
    assert!(
        error.message().contains("a `vector` answers a range query"),
        "{error}"
    );
}

#[test]
fn wrong_configurations_are_refused() {
    let new = |config: PrometheusConfig| Prometheus::new(&config).unwrap_err();
    assert_eq!(new(config("ftp://x")).kind(), Kind::Usage);
    let error = new(PrometheusConfig {
        headers: BTreeMap::from([("X Y".into(), vec!["a".into()])]),
        ..config("http://x")
    });
    assert_eq!(error.kind(), Kind::Document);
    let error = new(PrometheusConfig {
        headers: BTreeMap::from([("X-Y".into(), vec!["s3cret\n".into()])]),
        ..config("http://x")
    });
    assert!(!error.chain().contains("s3cret"), "{}", error.chain());
    let error = new(PrometheusConfig {
        certificate: Some("x".into()),
        ..config("http://x")
    });
    assert_eq!(
        error.message(),
        "the client certificate for Prometheus has no key"
    );
    for (ca, key) in [
        (Some("no pem".to_owned()), None),
        (None, Some("s3cret".to_owned().into())),
    ] {
        let error = new(PrometheusConfig {
            ca,
            certificate: key.is_some().then(|| "x".into()),
            key,
            ..config("http://x")
        });
        assert!(error.message().contains("not usable PEM"), "{error}");
        assert!(!error.chain().contains("s3cret"), "{}", error.chain());
    }
}
