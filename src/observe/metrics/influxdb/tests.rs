use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::*;
use crate::error::Kind;
use crate::observe::metrics::testing::{
    WINDOW, access, at, leaks, only_request, parameters, secrets, serving,
};
use crate::settings::Secrets;

const QUERY: &str = "from(bucket: \"default\")\n  |> range(start: -1m)\n  |> filter(fn: (r) => r.host == \"podinfo\")\n  |> mean()";

const HEAD: &str = "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,double,string\r\n\
                    #group,false,false,true,true,false,true\r\n\
                    #default,_result,,,,,\r\n\
                    ,result,table,_start,_stop,_value,host\r\n";

fn keys() -> Secrets {
    secrets(&[("token", "t0ken=="), ("org", "my org")])
}

fn row(table: u32, value: &str, host: &str) -> String {
    format!(",,{table},2023-11-14T22:12:20Z,2023-11-14T22:13:20Z,{value},{host}\r\n")
}

fn answer(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(text, "text/csv; charset=utf-8")
}

async fn ask(response: ResponseTemplate) -> Result<Answered> {
    let server = serving(response).await;
    let secrets = keys();
    let influxdb = InfluxDb::new(&access("influxdb", &server.uri(), &secrets)).unwrap();
    influxdb.instant(QUERY, WINDOW, at()).await
}

#[tokio::test]
async fn now_is_the_time_of_the_check() {
    let server = serving(answer("\r\n")).await;
    let secrets = keys();
    let influxdb = InfluxDb::new(&access("influxdb", &server.uri(), &secrets)).unwrap();
    let found = influxdb.instant(QUERY, WINDOW, at()).await.unwrap();
    assert_eq!(found.reading, Reading::Empty);
    let request = only_request(&server).await;
    assert_eq!(request.method.as_str(), "POST");
    assert_eq!(request.url.path(), "/api/v2/query");
    assert_eq!(
        parameters(&request),
        [("org".to_owned(), "my org".to_owned())]
    );
    assert_eq!(request.url.query(), Some("org=my+org"));
    assert_eq!(request.headers["authorization"], "Token t0ken==");
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.headers["accept"], "application/csv");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["query"], QUERY);
    assert_eq!(body["type"], "flux");
    assert_eq!(body["now"], "2023-11-14T22:13:20Z");
    assert_eq!(
        body["dialect"]["annotations"],
        json!(["datatype", "group", "default"])
    );
    assert!(!format!("{influxdb:?}").contains("t0ken"));
}

#[tokio::test]
async fn readings() {
    let long = HEAD.replace("double", "long");
    let text = HEAD.replace("double", "string");
    for (body, reading) in [
        (String::new(), "no series"),
        (HEAD.to_owned(), "no series"),
        (format!("{HEAD}{}", row(0, "0.5", "a")), "0.5"),
        (format!("{HEAD}{}", row(0, "NaN", "a")), "not a number"),
        (format!("{HEAD}{}", row(0, "+Inf", "a")), "+Inf"),
        (format!("{HEAD}{}", row(0, "", "a")), "no series"),
        (format!("{long}{}", row(0, "12", "a")), "12"),
        (
            format!("{text}{}", row(0, "12", "a")),
            "a value of type string instead of a number",
        ),
        (
            format!("{HEAD}{}{}", row(0, "1", "a"), row(1, "2", "b")),
            "2 series: host=a, host=b",
        ),
        (
            format!("{HEAD}{}{}", row(0, "", "a"), row(1, "2", "b")),
            "2",
        ),
        (
            format!("{HEAD}{}\r\n{long}{}", row(0, "1", "a"), row(1, "2", "b")),
            "2 series: host=a, host=b",
        ),
        (
            format!("{HEAD}{}{}", row(0, "1", "a"), row(0, "2", "a")),
            "2 records (end the query with `last()` or `mean()`) instead of a number",
        ),
    ] {
        let found = ask(answer(&body)).await.unwrap();
        assert_eq!(found.reading.to_string(), reading, "{body}");
    }
}

#[tokio::test]
async fn refusals_are_told_in_influxdbs_words() {
    let refused = |status: u16, code: &str, message: &str| {
        ResponseTemplate::new(status).set_body_json(json!({"code": code, "message": message}))
    };
    let cases = [
        (
            refused(401, "unauthorized", "unauthorized access"),
            "401 Unauthorized: unauthorized access",
            "check the keys token, org of the Secret metrics",
        ),
        (
            refused(404, "not found", "organization name \"my org\" not found"),
            "404 Not Found: organization name \"my org\" not found",
            "is the organisation org known",
        ),
        (
            refused(
                400,
                "invalid",
                "compilation failed: error @1:6-1:9: invalid t0ken==",
            ),
            "400 Bad Request: compilation failed: error @1:6-1:9: invalid ***",
            "",
        ),
        (
            refused(
                429,
                "too many requests",
                "org exceeded limited_query plan limit",
            )
            .insert_header("retry-after", "3600"),
            "429 Too Many Requests: org exceeded",
            "again in 3600 s",
        ),
        (
            answer(
                "error,reference\r\n\"runtime error: bucket \"\"a\"\" not found t0ken==\",897\r\n",
            ),
            "does not answer the query: runtime error: bucket \"a\" not found ***",
            "the query: from(bucket",
        ),
        (answer("hello\r\nworld\r\n"), "it is no annotated CSV", ""),
        (
            answer(&HEAD[..HEAD.len() - 40]),
            "is not one of InfluxDB",
            "",
        ),
        (
            ResponseTemplate::new(200).set_body_raw("<html>login</html>", "text/html"),
            "answered with a web page",
            "",
        ),
    ];
    for (response, message, hint) in cases {
        let error = ask(response).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Remote);
        let text = format!("{} {}", error.chain(), error.hints().join("\n"));
        assert!(
            text.contains(message) && text.contains(hint),
            "{text}\n{message}\n{hint}"
        );
        assert!(!text.contains("t0ken"), "{text}");
    }
    assert!(leaks(&keys(), "influxdb", "t0ken=="));
}

#[test]
fn a_secret_has_both_keys_or_is_not_named() {
    let half = secrets(&[("token", "a")]);
    let mut access = access("influxdb", "http://a", &half);
    let error = InfluxDb::new(&access).unwrap_err();
    assert!(error.message().ends_with("has no org"), "{error}");
    access.keys.name = None;
    assert!(InfluxDb::new(&access).is_ok());
}
