use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::http::Cause;

/// A caller that does not sleep, and the waits it was asked for.
fn webhooks() -> (Webhooks, Arc<Mutex<Vec<u64>>>) {
    let waits = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&waits);
    let pause = Pause::new(move |duration| {
        noted.lock().unwrap().push(duration.as_secs());
        Box::pin(std::future::ready(()))
    });
    let options = Options {
        environment_proxies: false,
        ..Options::default()
    };
    (Webhooks::new(options).with_pause(pause), waits)
}

fn webhook(url: &str) -> Webhook {
    Webhook {
        name: "gate".into(),
        url: url.into(),
        ..Webhook::default()
    }
}

fn canary() -> Canary {
    let mut canary = Canary::default();
    canary.metadata.name = "podinfo".into();
    canary.metadata.namespace = Some("test".into());
    canary
}

async fn call(webhook: &Webhook) -> (WebhookAnswer, Vec<u64>) {
    let (webhooks, waits) = webhooks();
    let payload = Payload::new(&canary(), None, Some(Phase::Progressing), webhook);
    let answer = webhooks.call(webhook, &payload).await.unwrap();
    let waits = waits.lock().unwrap().clone();
    (answer, waits)
}

async fn serving(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

/// What a gate that answers with `response` is taken for.
async fn taken(response: ResponseTemplate) -> WebhookAnswer {
    let server = serving(response).await;
    let (mut answer, waits) = call(&webhook(&server.uri())).await;
    assert_eq!(waits, [0; 0]);
    answer.failure = answer
        .failure
        .map(|text| text.replace(&server.uri(), "http://gate"));
    answer
}

#[tokio::test]
async fn the_payload_is_that_of_flagger() {
    let server = serving(ResponseTemplate::new(200)).await;
    let host = server.address();
    let mut webhook = webhook(&format!("http://me:p%40ss@{host}/gate/check?a=b"));
    let (webhooks, _) = webhooks();
    let status = Status {
        last_applied_spec: "7c9e2f1a".into(),
        ..Status::default()
    };
    let payload = Payload::new(
        &canary(),
        Some(&status),
        Some(Phase::WaitingPromotion),
        &webhook,
    );
    assert!(webhooks.call(&webhook, &payload).await.unwrap().passed);
    webhook.metadata = Some([("type".into(), "bash".into())].into());
    let payload = Payload::new(&canary(), None, None, &webhook);
    webhooks.call(&webhook, &payload).await.unwrap();

    let requests = server.received_requests().await.unwrap();
    let request = &requests[0];
    assert_eq!(request.method.as_str(), "POST");
    assert_eq!(request.url.path(), "/gate/check");
    assert_eq!(request.url.query(), Some("a=b"));
    let header = |name: &str| request.headers[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/json");
    // me:p@ss
    assert_eq!(header("authorization"), "Basic bWU6cEBzcw==");
    assert_eq!(
        String::from_utf8(request.body.clone()).unwrap(),
        r#"{"name":"podinfo","namespace":"test","phase":"WaitingPromotion","checksum":"3de4c6e30faa"}"#
    );
    let second: Json = serde_json::from_slice(&requests[1].body).unwrap();
    assert_eq!(second["metadata"], json!({"type": "bash"}));
    assert_eq!(second["phase"], "");
}

#[test]
fn the_checksum_is_that_of_the_configuration() {
    let status = |spec: &str, configs: &[(&str, &str)]| Status {
        last_applied_spec: spec.into(),
        tracked_configs: configs
            .iter()
            .map(|(name, sum)| ((*name).into(), (*sum).into()))
            .collect(),
        failed_checks: 3,
        ..Status::default()
    };
    let one = checksum(Some(&status("ab", &[("c", "d")])));
    assert_eq!(one, checksum(Some(&status("ab", &[("c", "d")]))));
    for other in [
        status("a", &[("bc", "d")]),
        status("ab", &[("c", "e")]),
        status("ab", &[]),
    ] {
        assert_ne!(one, checksum(Some(&other)));
    }
    assert_eq!(one.len(), 12);
}

#[test]
fn an_event_cannot_be_overridden() {
    let mut webhook = webhook("http://a");
    let metadata = [("eventType", "mine"), ("env", "prod")];
    webhook.metadata = Some(
        metadata
            .map(|(key, value)| (key.into(), value.into()))
            .into(),
    );
    let event = Event {
        kind: EventType::Warning,
        message: "halted".into(),
    };
    let now = "2026-01-01T00:00:00.5Z".parse().unwrap();
    let payload = Payload::new(&canary(), None, None, &webhook).with_event(&event, now);
    assert_eq!(
        serde_json::to_value(&payload).unwrap()["metadata"],
        json!({"eventMessage": "halted", "eventType": "Warning", "timestamp": "1767225600500", "env": "prod"})
    );
}

#[tokio::test]
async fn every_2xx_passes_and_nothing_else() {
    for (status, passed, words) in [
        (200, true, "200 OK"),
        (202, true, "202 Accepted"),
        (204, true, "204 No Content"),
        (299, true, "299"),
        (304, false, "304 Not Modified"),
        (403, false, "403 Forbidden"),
        (404, false, "404 Not Found"),
        (429, false, "429 Too Many Requests"),
        (500, false, "500 Internal Server Error"),
        (503, false, "503 Service Unavailable"),
    ] {
        let answer = taken(ResponseTemplate::new(status)).await;
        let expected = WebhookAnswer {
            passed,
            answer: words.into(),
            failure: None,
        };
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn a_refusal_shows_one_line_of_text() {
    let told = |kind: &str, body: &str| ResponseTemplate::new(403).set_body_raw(body, kind);
    for (response, words) in [
        (
            told("text/plain", "\nclosed by \u{1b}[31malice\nsince noon"),
            "403 Forbidden: closed by [31malice",
        ),
        (told("text/html", "<h1>no</h1>"), "403 Forbidden"),
        (
            told("application/json", r#"{"why":1}"#),
            r#"403 Forbidden: {"why":1}"#,
        ),
    ] {
        let answer = taken(response).await;
        assert_eq!((answer.answer.as_str(), answer.failure), (words, None));
    }
}

#[tokio::test]
async fn a_web_page_is_no_answer() {
    for body in [
        "<!DOCTYPE html>\n<title>Sign in</title>",
        "\u{feff} <!-- x --><HTML></HTML>",
    ] {
        let answer = taken(ResponseTemplate::new(200).set_body_raw(body, "text/plain")).await;
        assert!(!answer.passed);
        assert_eq!(answer.answer, "a web page instead of an answer (200 OK)");
        assert_eq!(
            answer.failure.unwrap(),
            "http://gate/ answered with a web page, such as a login page or an ingress's default"
        );
    }
    for body in ["OK", "", "<ok/>"] {
        let answer = taken(ResponseTemplate::new(200).set_body_raw(body, "text/html")).await;
        assert!(answer.passed, "{body}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_only_with_the_payload() {
    let redirect = |status, to: &str| ResponseTemplate::new(status).insert_header("location", to);
    for status in [301, 302, 303] {
        let answer = taken(redirect(status, "/login?token=abc")).await;
        assert!(!answer.passed);
        assert_eq!(
            answer.failure.unwrap(),
            "http://gate/ redirects to http://gate/login?token=***, which is not followed; \
             give that address if it is the right one"
        );
    }
    let other = serving(ResponseTemplate::new(200)).await;
    let answer = taken(redirect(307, &other.uri())).await;
    assert!(answer.answer.contains("redirects to http://127.0.0.1"));
    assert!(!answer.passed && answer.failure.is_some());
    assert_eq!(other.received_requests().await.unwrap().len(), 0);

    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::path("/"))
        .respond_with(redirect(308, "/new"))
        .mount(&server)
        .await;
    Mock::given(wiremock::matchers::path("/new"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    assert!(call(&webhook(&server.uri())).await.0.passed);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[1].method.as_str(), "POST");
    assert_eq!(requests[0].body, requests[1].body);
}

#[tokio::test]
async fn who_never_answers_refuses() {
    // Accepts connections, as the kernel does, and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut webhook = webhook(&url);
    webhook.timeout = Some("50ms".into());
    webhook.retries = Some(1);
    let (answer, waits) = call(&webhook).await;
    assert_eq!(
        (answer.passed, answer.answer.as_str()),
        (false, "no answer within 0.05 s, 2 tries")
    );
    let expected = format!("{url}/: no answer within 0.05 s, 2 tries");
    assert_eq!(answer.failure, Some(expected));
    assert_eq!(waits, [1]);
    drop(listener);
    let (answer, _) = call(&webhook).await;
    assert!(answer.answer.starts_with("the connection was refused"));
    assert!(answer.failure.is_some());
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    for (status, waits) in [
        (500, vec![1, 2, 4, 8, 16, 30, 30]),
        (503, vec![1, 2, 4, 8, 16, 30, 30]),
        (429, vec![1, 2, 4, 8, 16, 30, 30]),
        (501, vec![]),
        (403, vec![]),
        (400, vec![]),
        (200, vec![]),
    ] {
        let server = serving(ResponseTemplate::new(status).set_body_string("busy")).await;
        let mut webhook = webhook(&server.uri());
        webhook.retries = Some(7);
        let (answer, waited) = call(&webhook).await;
        assert_eq!(waited, waits, "{status}");
        assert_eq!(answer.failure, None);
        assert_eq!(answer.answer.contains(", 8 tries: busy"), !waits.is_empty());
        assert_eq!(
            server.received_requests().await.unwrap().len(),
            waits.len() + 1
        );
    }
}

#[tokio::test]
async fn retry_after_is_honoured_within_reason() {
    for (asked, waits) in [("7", vec![7]), ("0", vec![1]), ("3600", vec![])] {
        let response = ResponseTemplate::new(503).insert_header("retry-after", asked);
        let server = serving(response).await;
        let mut webhook = webhook(&server.uri());
        webhook.retries = Some(1);
        assert_eq!(call(&webhook).await.1, waits, "{asked}");
    }
}

#[tokio::test]
async fn a_second_answer_counts() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(502))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let mut webhook = webhook(&server.uri());
    webhook.retries = Some(3);
    let (answer, waits) = call(&webhook).await;
    assert_eq!(
        (answer.answer.as_str(), waits),
        ("200 OK, 2 tries", vec![1])
    );
}

/// Serves 200 over TLS with a certificate nobody signed.
async fn serve_tls() -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            drop(stream.read(&mut [0; 4096]).await);
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            drop(stream.write_all(answer.as_bytes()).await);
            drop(stream.shutdown().await);
        }
    });
    url
}

#[tokio::test]
async fn certificates_are_verified_unless_told_otherwise() {
    let mut webhook = webhook(&serve_tls().await);
    webhook.retries = Some(3);
    let (answer, waits) = call(&webhook).await;
    assert!(!answer.passed);
    let failure = answer.failure.unwrap();
    assert!(
        failure.contains("the TLS handshake failed (invalid peer certificate"),
        "{failure}"
    );
    assert_eq!(waits, [0; 0]);
    webhook.disable_tls = Some(true);
    assert!(call(&webhook).await.0.passed);
}

#[tokio::test]
async fn a_url_that_is_none_is_an_error_of_the_document() {
    let (webhooks, _) = webhooks();
    let webhook = webhook("gate/check");
    let payload = Payload::new(&canary(), None, None, &webhook);
    let error = webhooks.call(&webhook, &payload).await.unwrap_err();
    assert_eq!(error.kind(), crate::error::Kind::Document);
    assert!(
        error.chain().starts_with("the URL of the webhook gate"),
        "{}",
        error.chain()
    );
}

#[test]
fn secrets_in_a_url_are_not_shown() {
    let failure = Failure {
        url: String::new(),
        cause: Cause::Refused,
        detail: String::new(),
        tries: 1,
    };
    let url = "http://me:pw@gate/?token=abc".parse().unwrap();
    let answer = judge(&url, Err(failure), Duration::from_secs(10));
    let expected = "http://***@gate/?token=***: the connection was refused";
    assert_eq!(answer.failure.as_deref(), Some(expected));
}
