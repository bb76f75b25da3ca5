use secrecy::SecretString;
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use super::*;
use crate::error::Kind;
use crate::observe::metrics::cloud::Cloud;
use crate::observe::metrics::cloud::testing::{claims, service_account};
use crate::observe::metrics::testing::{WINDOW, access, at, only_request, serving};
use crate::settings::{CloudSettings, GoogleSettings, Secrets};

const QUERY: &str = "fetch k8s_container | metric 'custom/errors' | align rate(1m) | within 5m";

fn with_token() -> Signer {
    let google = GoogleSettings {
        token: Some(SecretString::from("ya29.hunter2")),
        ..GoogleSettings::default()
    };
    let settings = CloudSettings {
        google,
        ..CloudSettings::default()
    };
    Cloud::new(&settings).google()
}

fn client(server: &MockServer, signer: Signer) -> Stackdriver {
    let secrets = Secrets::default();
    let access = access("stackdriver", &server.uri(), &secrets);
    Stackdriver::new(&access, "shop-1", signer).unwrap()
}

async fn ask(response: ResponseTemplate) -> Result<Answered> {
    let server = serving(response).await;
    client(&server, with_token())
        .instant(QUERY, WINDOW, at())
        .await
}

/// An answer as the reference of timeSeries.query shows it.
fn answer(data: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "timeSeriesDescriptor": {
            "labelDescriptors": [{"key": "metric.code"}, {"key": "resource.zone"}],
            "pointDescriptors": [{"key": "value.errors", "valueType": "DOUBLE", "metricKind": "GAUGE"}],
        },
        "timeSeriesData": data,
    }))
}

fn point(end: &str, value: Value) -> Value {
    json!({"values": [value], "timeInterval": {"startTime": end, "endTime": end}})
}

fn series(code: &str, points: &[Value]) -> Value {
    json!({"labelValues": [{"stringValue": code}, {"int64Value": "7"}], "pointData": points})
}

async fn read(data: Value) -> String {
    ask(answer(data)).await.unwrap().reading.to_string()
}

async fn value(value: Value) -> String {
    read(json!([series(
        "200",
        &[point("2023-11-14T22:13:00Z", value)]
    )]))
    .await
}

#[tokio::test]
async fn the_question_is_of_the_project_with_a_token() {
    let server = serving(answer(json!([]))).await;
    let key = SecretString::from(service_account().to_string());
    let stackdriver = client(&server, Cloud::google_key(key, "the Secret gcp"));
    let found = stackdriver.instant(QUERY, WINDOW, at()).await.unwrap();
    assert_eq!(found.reading, Reading::Empty);
    let request = only_request(&server).await;
    assert_eq!(request.method.as_str(), "POST");
    assert_eq!(request.url.path(), "/v3/projects/shop-1/timeSeries:query");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, json!({ "query": QUERY }));
    let claims = claims(request.headers["authorization"].to_str().unwrap());
    assert_eq!(
        claims["scope"],
        "https://www.googleapis.com/auth/monitoring.read"
    );
}

#[tokio::test]
async fn values_are_read_by_their_type() {
    assert_eq!(value(json!({"doubleValue": 0.5})).await, "0.5");
    assert_eq!(value(json!({"int64Value": "42"})).await, "42");
    assert_eq!(
        value(json!({"doubleValue": "NaN"})).await,
        Reading::Nan.to_string()
    );
    let infinite = Reading::of(f64::INFINITY).to_string();
    assert_eq!(value(json!({"doubleValue": "Infinity"})).await, infinite);
    assert!(
        value(json!({"boolValue": true}))
            .await
            .contains("a truth value")
    );
    assert!(value(json!({"stringValue": "x"})).await.contains("a text"));
    assert!(
        value(json!({"distributionValue": {"count": "1"}}))
            .await
            .contains("a distribution")
    );
    assert_eq!(value(json!({})).await, "no series");
    let two = json!({"values": [{"doubleValue": 1}, {"doubleValue": 2}], "timeInterval": {}});
    assert!(
        read(json!([series("200", &[two])]))
            .await
            .contains("2 values in a point")
    );
    let junk = ask(answer(json!([series(
        "200",
        &[point("2023-11-14T22:13:00Z", json!({"doubleValue": "x"}))]
    )])))
    .await;
    assert_eq!(junk.unwrap_err().kind(), Kind::Remote);
}

#[tokio::test]
async fn the_newest_point_is_judged() {
    let double = |value: f64| json!({"doubleValue": value});
    let points = [
        point("2023-11-14T22:12:00Z", double(1.0)),
        point("2023-11-14T22:13:00Z", double(2.0)),
        point("2023-11-14T22:11:00Z", double(3.0)),
    ];
    let found = ask(answer(json!([series("200", &points)]))).await.unwrap();
    assert_eq!(
        (found.reading, found.warnings),
        (Reading::Value(2.0), vec![])
    );
    let found = ask(answer(json!([series("200", &points[2..])])))
        .await
        .unwrap();
    assert_eq!(found.reading, Reading::Value(3.0));
    assert_eq!(
        found.warnings,
        ["the newest complete point ended at 2023-11-14T22:11:00Z, 140 s before the check"]
    );
    let untimed = [
        json!({"values": [double(4.0)]}),
        json!({"values": [double(5.0)]}),
    ];
    assert_eq!(read(json!([series("200", &untimed)])).await, "4");
}

#[tokio::test]
async fn what_has_stopped_reporting_is_no_data() {
    let point = |end: &str| point(end, json!({"doubleValue": 1.0}));
    // The window of 60 s, and 240 s that points may be late.
    let at_bound = json!([series("200", &[point("2023-11-14T22:08:20Z")])]);
    assert_eq!(read(at_bound).await, "1");
    let silent = json!([series("200", &[point("2023-11-14T22:08:19Z")])]);
    let found = ask(answer(silent)).await.unwrap();
    assert_eq!(found.reading, Reading::Empty);
    assert!(
        found.warnings[0].contains("301 s before the check, and is no data"),
        "{:?}",
        found.warnings
    );
    // Points that are 5 min apart.
    let five = ["2023-11-14T22:07:00Z", "2023-11-14T22:02:00Z"].map(point);
    assert_eq!(read(json!([series("200", &five)])).await, "1");
}

#[tokio::test]
async fn several_series_are_named_and_none_is_no_data() {
    let one = [point("2023-11-14T22:13:00Z", json!({"doubleValue": 1}))];
    let both = json!([series("200", &one), series("500", &one), series("404", &[])]);
    let names =
        r#"2 series: metric.code="200", resource.zone="7", metric.code="500", resource.zone="7""#;
    assert_eq!(read(both).await, names);
    assert_eq!(read(json!([])).await, "no series");
    assert_eq!(read(json!([series("404", &[])])).await, "no series");
    let bare = ResponseTemplate::new(200).set_body_json(json!({}));
    assert_eq!(ask(bare).await.unwrap().reading, Reading::Empty);
}

#[tokio::test]
async fn what_is_missing_is_told() {
    let body = json!({"timeSeriesData": [], "partialErrors": [{"code": 4, "message": "deadline exceeded"}]});
    let found = ask(ResponseTemplate::new(200).set_body_json(body))
        .await
        .unwrap();
    assert_eq!(found.warnings, ["a part is missing: deadline exceeded"]);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    for (status, code, reason, text, expected) in [
        (
            403,
            "PERMISSION_DENIED",
            "IAM_PERMISSION_DENIED",
            "Permission monitoring.timeSeries.list denied (or the resource may not exist).",
            "roles/monitoring.viewer",
        ),
        (
            403,
            "PERMISSION_DENIED",
            "SERVICE_DISABLED",
            "Cloud Monitoring API has not been used in project 1 before or it is disabled.",
            "gcloud services enable",
        ),
        (
            401,
            "UNAUTHENTICATED",
            "ACCESS_TOKEN_EXPIRED",
            "Request had invalid authentication credentials.",
            "GOOGLE_OAUTH_ACCESS_TOKEN was not accepted",
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "",
            "Line 1: 'fletch' is not a table operation",
            "not a table operation",
        ),
    ] {
        let body = json!({"error": {"code": status, "message": text, "status": code, "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason},
        ]}});
        let error = ask(ResponseTemplate::new(status).set_body_json(body))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Remote);
        let shown = format!("{} {:?}", error.chain(), error.hints());
        assert!(shown.contains(text) && shown.contains(expected), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn a_project_is_an_id() {
    let server = serving(answer(json!([]))).await;
    let secrets = Secrets::default();
    let access = access("stackdriver", &server.uri(), &secrets);
    for project in ["", "a/b", "a b", "../x", "a?b"] {
        let error = Stackdriver::new(&access, project, with_token()).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{project}");
    }
    for project in ["projects/shop-1", "example.com:shop", " 12345\n"] {
        assert!(
            Stackdriver::new(&access, project, with_token()).is_ok(),
            "{project}"
        );
    }
}
