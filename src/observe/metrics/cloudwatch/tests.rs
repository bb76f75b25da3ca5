use serde_json::json;
use wiremock::ResponseTemplate;

use super::*;
use crate::decide::Reading;
use crate::error::Kind;
use crate::observe::metrics::cloud::testing::{SECRET, Seen, aws_settings};
use crate::observe::metrics::cloud::{Cloud, Service};
use crate::observe::metrics::testing::{WINDOW, access, at, only_request, serving};
use crate::settings::Secrets;

const NOW: i64 = 1_700_000_000;

/// As Flagger's documentation has it.
const QUERY: &str = r#"[
    {"Id": "e1", "Expression": "m1 / m2", "Label": "ErrorRate"},
    {"Id": "m1", "ReturnData": false, "MetricStat": {
        "Metric": {"Namespace": "shop", "MetricName": "errors",
                   "Dimensions": [{"Name": "app", "Value": "podinfo.test"}]},
        "Period": 60, "Stat": "Sum", "Unit": "Count"}},
    {"Id": "m2", "ReturnData": false, "MetricStat": {
        "Metric": {"Namespace": "shop", "MetricName": "requests"}, "Period": 60, "Stat": "Sum"}}
]"#;

fn client(address: &str) -> CloudWatch {
    let secrets = Secrets::default();
    let cloud = Cloud::new(&aws_settings("2023-11-14T22:13:20Z"));
    let signer = cloud.aws(Service::cloudwatch("eu-west-1"));
    CloudWatch::new(&access("cloudwatch", address, &secrets), signer).unwrap()
}

async fn ask(response: ResponseTemplate) -> Result<Answered> {
    let server = serving(response).await;
    client(&server.uri()).instant(QUERY, WINDOW, at()).await
}

/// A result as the reference of GetMetricData shows it.
fn result(id: &str, status: &str, points: &[(i64, f64)]) -> Value {
    json!({
        "Id": id, "Label": "ErrorRate", "StatusCode": status,
        "Timestamps": points.iter().map(|(ago, _)| json!(NOW - ago)).collect::<Vec<_>>(),
        "Values": points.iter().map(|(_, value)| json!(value)).collect::<Vec<_>>(),
    })
}

fn answer(results: Value) -> ResponseTemplate {
    let body = json!({"MetricDataResults": results, "Messages": []});
    ResponseTemplate::new(200).set_body_raw(body.to_string(), "application/x-amz-json-1.0")
}

async fn read(results: Value) -> String {
    ask(answer(results)).await.unwrap().reading.to_string()
}

#[tokio::test]
async fn the_question_is_signed_and_of_the_last_ten_intervals() {
    let server = serving(answer(json!([]))).await;
    let cloudwatch = client(&server.uri());
    let found = cloudwatch.instant(QUERY, WINDOW, at()).await.unwrap();
    assert_eq!(found.reading, Reading::Empty);
    let request = only_request(&server).await;
    let seen = Seen::of(&request);
    let expected = ("eu-west-1".to_owned(), "monitoring".to_owned());
    assert_eq!(seen.verified(SECRET), expected);
    let signed = &seen.headers["authorization"];
    assert!(
        signed.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target,"),
        "{signed}"
    );
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.headers["content-type"], "application/x-amz-json-1.0");
    let target = "GraniteServiceVersion20100801.GetMetricData";
    assert_eq!(seen.headers["x-amz-target"], target);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let query: Value = serde_json::from_str(QUERY).unwrap();
    assert_eq!(body["MetricDataQueries"], query);
    assert_eq!(body["StartTime"], NOW - 600);
    assert_eq!(body["EndTime"], NOW);
    assert_eq!(body["ScanBy"], "TimestampDescending");
    assert!(!format!("{cloudwatch:?}").contains(SECRET));
}

#[tokio::test]
async fn the_newest_point_whose_period_is_over_is_judged() {
    let points = [(20, 9.0), (80, 1.5), (140, 2.0)];
    assert_eq!(
        read(json!([result("e1", "Complete", &points)])).await,
        "1.5"
    );
    let shuffled = [(140, 2.0), (80, 1.5), (20, 9.0)];
    assert_eq!(
        read(json!([result("e1", "Complete", &shuffled)])).await,
        "1.5"
    );
    let ended = [(60, 3.0), (120, 4.0)];
    assert_eq!(read(json!([result("e1", "Complete", &ended)])).await, "3");
    let filling = ask(answer(json!([result("e1", "Complete", &[(20, 9.0)])])))
        .await
        .unwrap();
    assert_eq!(filling.reading, Reading::Empty);
    assert!(
        filling.warnings[0].contains("the last 60 s"),
        "{:?}",
        filling.warnings
    );
}

#[tokio::test]
async fn what_has_stopped_reporting_is_no_data() {
    // The period of 60 s, the interval of 60 s, and 240 s that points may be late.
    let late = [(360, 1.0), (420, 2.0)];
    assert_eq!(read(json!([result("e1", "Complete", &late)])).await, "1");
    let silent = [(361, 1.0), (421, 2.0)];
    let found = ask(answer(json!([result("e1", "Complete", &silent)])));
    let found = found.await.unwrap();
    assert_eq!(found.reading, Reading::Empty);
    assert!(
        found.warnings[0].contains("301 s before the check, and is no data"),
        "{:?}",
        found.warnings
    );
    // For a check that was missed the same points were newer, or of the future.
    let server = serving(answer(json!([result("e1", "Complete", &silent)]))).await;
    for (ago, reading) in [
        (0, "no series"),
        (1, "1"),
        (301, "1"),
        (302, "2"),
        (362, "no series"),
    ] {
        let then = Timestamp::from_second(NOW - ago).unwrap();
        let cloudwatch = client(&server.uri());
        let found = cloudwatch.instant(QUERY, WINDOW, then).await.unwrap();
        assert_eq!(found.reading.to_string(), reading, "{ago} s ago");
    }
}

#[tokio::test]
async fn no_data_is_never_zero() {
    assert_eq!(read(json!([])).await, "no series");
    assert_eq!(
        read(json!([result("e1", "Complete", &[])])).await,
        "no series"
    );
}

#[tokio::test]
async fn several_results_are_named() {
    let one = [(80, 1.0)];
    let both = json!([
        result("e1", "Complete", &one),
        result("m1", "Complete", &one)
    ]);
    assert_eq!(read(both).await, "2 series: e1 (ErrorRate), m1 (ErrorRate)");
    let idle = json!([
        result("e1", "Complete", &one),
        result("m1", "Complete", &[])
    ]);
    assert_eq!(read(idle).await, "1");
}

#[tokio::test]
async fn a_result_that_failed_is_an_error_and_a_part_of_one_a_warning() {
    for (status, hint) in [
        ("Forbidden", "AccountId"),
        ("InternalError", "the next run"),
    ] {
        let mut failed = result("m1", status, &[]);
        failed["Messages"] =
            json!([{"Code": "ArithmeticError", "Value": "One or more data-points were dropped"}]);
        let error = ask(answer(json!([failed]))).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Remote);
        let shown = format!("{} {:?}", error.chain(), error.hints());
        for part in [status, "`m1`", "data-points were dropped", hint] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
    let found = ask(answer(json!([result("e1", "PartialData", &[(80, 1.0)])])))
        .await
        .unwrap();
    assert_eq!(found.reading, Reading::Value(1.0));
    assert_eq!(found.warnings, ["CloudWatch has only a part of `e1`"]);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    for (status, code, text, expected) in [
        (
            400,
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/x is not authorized to perform: cloudwatch:GetMetricData",
            "need the permission cloudwatch:GetMetricData",
        ),
        (
            400,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            "have ended",
        ),
        (
            400,
            "ThrottlingException",
            "Rate exceeded",
            "run less often",
        ),
        (
            400,
            "InvalidParameterValue",
            "The parameter MetricDataQueries is not valid",
            "The parameter MetricDataQueries is not valid",
        ),
    ] {
        let body = json!({"__type": format!("com.amazonaws.monitoring#{code}"), "message": text});
        let error = ask(ResponseTemplate::new(status).set_body_json(body))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Remote);
        let shown = format!("{} {:?}", error.chain(), error.hints());
        assert!(shown.contains(text) && shown.contains(expected), "{shown}");
        assert!(!shown.contains(SECRET), "{shown}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error() {
    for body in [
        "{}",
        "[]",
        "{\"MetricDataResults\": 1}",
        "<html></html>",
        "{\"MetricDataResults\": [",
    ] {
        let error = ask(ResponseTemplate::new(200).set_body_string(body))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Remote, "{body}");
    }
}

#[tokio::test]
async fn a_query_is_a_list_of_metric_data_queries() {
    let server = serving(answer(json!([]))).await;
    let cloudwatch = client(&server.uri());
    for (query, expected) in [
        ("up", "expected"),
        ("{}", "sequence"),
        ("[]", "empty"),
        (
            r#"[{"Id": "a", "RetrunData": false}]"#,
            "`RetrunData` is not known",
        ),
    ] {
        let error = cloudwatch.instant(query, WINDOW, at()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Document);
        assert!(error.chain().contains(expected), "{}", error.chain());
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[test]
fn members_are_known_in_any_case() {
    let read = queries(
        r#"[{"id": "a", "metricStat": {"metric": {"dimensions": [{"name": "n", "VALUE": "v"}]}, "period": 60}}]"#,
    );
    let expected = json!([{"Id": "a", "MetricStat": {"Metric": {"Dimensions": [{"Name": "n", "Value": "v"}]}, "Period": 60}}]);
    assert_eq!(json!(read.unwrap()), expected);
}

#[test]
fn a_period_is_the_own_one_or_the_longest() {
    let read = queries(
        r#"[{"Id": "e"}, {"Id": "x", "Expression": "SELECT 1", "Period": 10},
            {"Id": "a", "MetricStat": {"Period": 60}}, {"Id": "b", "MetricStat": {"Period": 300}}]"#,
    )
    .unwrap();
    let seconds = |id: &str| period(&read, id).map(|period| period.as_secs());
    for (id, expected) in [("a", 60), ("b", 300), ("x", 10), ("e", 300)] {
        assert_eq!(seconds(id), Some(expected), "{id}");
    }
    assert_eq!(period(&queries(r#"[{"Id": "e"}]"#).unwrap(), "e"), None);
}
