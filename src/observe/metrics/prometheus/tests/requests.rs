//! What is sent, how often, and with which headers.

use std::collections::BTreeMap;
use std::time::Duration;

use wiremock::matchers::{body_string_contains, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

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
