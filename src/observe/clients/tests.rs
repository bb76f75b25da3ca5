use std::collections::BTreeMap;

use clap::Parser as _;
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::api::Canary;
use crate::gateway::{Catalogue, Gateway, Place};
use crate::observe::metrics::cloud::testing::{KEY_ID, SECRET, Seen};
use crate::settings::{Clock, Environment};

#[derive(clap::Parser)]
struct Options {
    #[command(flatten)]
    metrics: crate::cli::Metrics,
}

/// The environment of a workflow that runs the actions of both clouds.
const CLOUDS: [(&str, &str); 5] = [
    ("AWS_ACCESS_KEY_ID", KEY_ID),
    ("AWS_SECRET_ACCESS_KEY", SECRET),
    ("AWS_REGION", "eu-west-1"),
    ("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.x"),
    ("GOOGLE_CLOUD_PROJECT", "shop-1"),
];

fn clients(options: &[&str], variables: &[(&str, &str)]) -> Clients {
    let options = Options::parse_from([&["test"], options].concat());
    // Of two the last one counts, also when it is empty.
    let variables: BTreeMap<&str, &str> = CLOUDS.iter().chain(variables).copied().collect();
    let variables = variables.iter();
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let clock = Clock::new("2023-11-14T22:13:20Z".parse().unwrap());
    let environment = Environment::new(variables).with_clock(clock);
    let mut settings = MetricsSettings::new(&options.metrics, &environment).unwrap();
    settings.trusts_documents = true;
    Clients::new(settings)
}

/// Who signs for a Prometheus at `address`.
fn signer(clients: &Clients, address: &str) -> String {
    let config = clients.config(address.parse().unwrap());
    match config.says_who_asks() {
        true => "said".to_owned(),
        false => format!("{:?}", clients.signer(&config.address).unwrap()),
    }
}

const AMAZON: &str = "https://aps-workspaces.us-east-2.amazonaws.com/workspaces/ws-1";
const GOOGLE: &str =
    "https://monitoring.googleapis.com/v1/projects/shop-1/location/global/prometheus";

#[test]
fn the_clouds_own_hosts_are_known() {
    let clients = clients(&[], &[]);
    let amazon = signer(&clients, AMAZON);
    assert!(
        amazon.contains("\"aps\"") && amazon.contains("us-east-2"),
        "{amazon}"
    );
    assert_eq!(signer(&clients, GOOGLE), "Some(Google(..))");
    for other in [
        "https://prometheus.example",
        "http://monitoring.googleapis.com",
    ] {
        assert_eq!(signer(&clients, other), "None");
    }
}

#[test]
fn a_proxy_is_signed_for_if_the_settings_name_it_and_say_so() {
    let proxy = "https://amp.internal/workspaces/ws-1";
    let named = ["--prometheus", proxy];
    assert_eq!(signer(&clients(&named, &[]), proxy), "None");
    let said = [&named[..], &["--prometheus-auth", "sigv4"]].concat();
    let amazon = clients(&said, &[]);
    assert!(signer(&amazon, proxy).contains("eu-west-1"));
    assert_eq!(signer(&amazon, "https://of-a-document.example"), "None");
    let google = [&named[..], &["--prometheus-auth", "google"]].concat();
    assert_eq!(signer(&clients(&google, &[]), proxy), "Some(Google(..))");
    let nowhere = clients(&said, &[("AWS_REGION", "")]);
    let url = proxy.parse().unwrap();
    assert!(
        nowhere
            .signer(&url)
            .unwrap_err()
            .message()
            .contains("AWS_REGION")
    );
}

#[test]
fn credentials_that_are_given_win() {
    let token = [("WEIRKEEPER_PROMETHEUS_TOKEN", "t")];
    for address in [AMAZON, GOOGLE] {
        assert_eq!(
            signer(&clients(&["--prometheus", address], &token), address),
            "said"
        );
        assert_ne!(signer(&clients(&[], &token), address), "said");
    }
    let with_password = GOOGLE.replace("://", "://me:pw@");
    assert_eq!(signer(&clients(&[], &[]), &with_password), "said");
}

fn template(spec: &str) -> BTreeMap<usize, MetricTemplate> {
    let text = format!("{{metadata: {{name: t, namespace: test}}, spec: {spec}}}");
    [(0, serde_yaml::from_str(&text).unwrap())].into()
}

fn client_of(clients: &Clients, spec: &str) -> Result<Provider> {
    let canary = Canary::default();
    let templates = template(spec);
    let client = clients.template_client(
        &Subject {
            canary: &canary,
            templates: &templates,
            primary: "",
            gateway: &Gateway::unknown(Catalogue::builtin(), String::new(), Place::default()),
        },
        0,
    );
    client.map(Option::unwrap)
}

#[test]
fn a_cloud_is_asked_at_its_own_address_or_that_of_the_settings() {
    let cloudwatch = "{provider: {type: cloudwatch, region: us-east-2, address: 'https://evil.example'}, query: '[]'}";
    let stackdriver = "{provider: {type: stackdriver, address: 'https://evil.example'}, query: x}";
    let own = clients(&[], &[]);
    for (spec, expected) in [
        (cloudwatch, "https://monitoring.us-east-2.amazonaws.com/"),
        (
            "{provider: {type: cloudwatch}, query: '[]'}",
            "https://monitoring.eu-west-1.amazonaws.com/",
        ),
        (stackdriver, "https://monitoring.googleapis.com/"),
    ] {
        assert_eq!(client_of(&own, spec).unwrap().address(), expected);
    }
    let private = clients(
        &[
            "--prometheus",
            "https://monitoring.googleapis.com/=https://google.internal",
        ],
        &[("AWS_ENDPOINT_URL_CLOUDWATCH", "https://aws.internal")],
    );
    assert_eq!(
        client_of(&private, cloudwatch).unwrap().address(),
        "https://aws.internal/"
    );
    assert_eq!(
        client_of(&private, stackdriver).unwrap().address(),
        "https://google.internal/"
    );
}

#[test]
fn what_a_cloud_lacks_is_named() {
    let bare = clients(&[], &[("AWS_REGION", ""), ("GOOGLE_CLOUD_PROJECT", "")]);
    for (spec, expected) in [
        (
            "{provider: {type: cloudwatch}, query: '[]'}",
            "spec.provider.region",
        ),
        (
            "{provider: {type: cloudwatch, region: 'evil.example/'}, query: '[]'}",
            "eu-west-1",
        ),
        (
            "{provider: {type: stackdriver}, query: x}",
            "GOOGLE_CLOUD_PROJECT",
        ),
        (
            "{provider: {type: stackdriver, secretRef: {name: gcp}}, query: x}",
            "WEIRKEEPER_SECRET_GCP_PROJECT",
        ),
    ] {
        let error = client_of(&bare, spec).unwrap_err();
        let hints = error.hints().join(" ");
        assert!(
            hints.contains(expected),
            "{spec}: {} {hints}",
            error.chain()
        );
    }
}

#[test]
fn a_stranger_makes_nobody_sign() {
    let mut clients = clients(&[], &[]);
    clients.settings.asks_only_named = true;
    for spec in [
        "{provider: {type: cloudwatch, region: eu-west-1}, query: '[]'}".to_owned(),
        "{provider: {type: stackdriver}, query: x}".to_owned(),
        format!("{{provider: {{type: prometheus, address: '{AMAZON}'}}, query: x}}"),
        format!("{{provider: {{type: prometheus, address: '{GOOGLE}'}}, query: x}}"),
    ] {
        let error = client_of(&clients, &spec).unwrap_err();
        assert!(
            error.message().contains("is not asked"),
            "{}",
            error.chain()
        );
    }
}

async fn prometheus() -> MockServer {
    let server = MockServer::start().await;
    let body = json!({"status": "success", "data": {"resultType": "scalar", "result": [0, "7"]}});
    let seven = ResponseTemplate::new(200).set_body_json(body);
    // The first attempt finds it busy.
    Mock::given(any())
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(any()).respond_with(seven).mount(&server).await;
    server
}

#[tokio::test]
async fn queries_to_a_managed_prometheus_are_signed_each_time() {
    let server = prometheus().await;
    let address = format!("{}/workspaces/ws-1", server.uri());
    let clients = clients(
        &["--prometheus", &address, "--prometheus-auth", "sigv4"],
        &[],
    );
    let client = clients
        .client(clients.config(address.parse().unwrap()), "")
        .unwrap();
    let now = "2023-11-14T22:13:20Z".parse().unwrap();
    let short = "sum(rate(x{a=~\"b+c|d\"}[1m])) * 100";
    let long = format!("{short} + {}1", "1 + ".repeat(1000));
    for query in [short, &long] {
        let found = client.instant(query, now).await.unwrap();
        assert_eq!(found.reading, crate::decide::Reading::Value(7.0));
    }
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        let expected = ("eu-west-1".to_owned(), "aps".to_owned());
        assert_eq!(Seen::of(request).verified(SECRET), expected);
    }
    let first = Seen::of(&requests[0]);
    assert_eq!(first.parameter("query"), short);
    assert!(first.target.starts_with("/workspaces/ws-1/api/v1/query?"));
    assert_eq!(requests[2].method.as_str(), "POST");
}

#[tokio::test]
async fn queries_to_googles_prometheus_carry_a_token() {
    let server = prometheus().await;
    let clients = clients(
        &["--prometheus", &server.uri(), "--prometheus-auth", "google"],
        &[],
    );
    let client = clients
        .client(clients.config(server.uri().parse().unwrap()), "")
        .unwrap();
    client
        .instant("up", "2023-11-14T22:13:20Z".parse().unwrap())
        .await
        .unwrap();
    let requests = server.received_requests().await.unwrap();
    assert!(
        requests
            .iter()
            .all(|request| request.headers["authorization"] == "Bearer ya29.x")
    );
}

#[tokio::test]
async fn a_managed_prometheus_that_refuses_says_what_to_do() {
    let server = MockServer::start().await;
    let text =
        "User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: aps:QueryMetrics";
    Mock::given(any())
        .respond_with(
            ResponseTemplate::new(403)
                .insert_header("x-amzn-errortype", "AccessDeniedException")
                .set_body_json(json!({"message": text})),
        )
        .mount(&server)
        .await;
    let clients = clients(
        &["--prometheus", &server.uri(), "--prometheus-auth", "sigv4"],
        &[],
    );
    let client = clients
        .client(clients.config(server.uri().parse().unwrap()), "")
        .unwrap();
    let now = "2023-11-14T22:13:20Z".parse().unwrap();
    let error = client.instant("up", now).await.unwrap_err();
    let shown = format!("{} {:?}", error.chain(), error.hints());
    assert!(
        shown.contains(text) && shown.contains("the permission aps:QueryMetrics"),
        "{shown}"
    );
    assert!(!shown.contains(SECRET), "{shown}");
}
