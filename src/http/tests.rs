use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::error::Kind;

fn options() -> Options {
    Options {
        environment_proxies: false,
        ..Options::default()
    }
}

fn client(options: &Options) -> Client {
    let pause = Pause::new(|_| Box::pin(std::future::ready(())));
    Client::new(options).unwrap().with_pause(pause)
}

async fn get(client: &Client, url: &str) -> Result<Answer, Failure> {
    let request = client.inner().get(url).build().unwrap();
    client.send_safe(request).await
}

#[test]
fn urls_are_masked() {
    let cases = [
        (
            "http://a/b?query=up{x=\"1\"}#f",
            "http://a/b?query=up{x=%221%22}",
        ),
        ("http://u@a/", "http://***@a/"),
        ("http://:p@a/", "http://***@a/"),
        (
            "http://a/?Token=1&x&api-key=2&X-Amz-Signature=3&empty_key=",
            "http://a/?Token=***&x&api-key=***&X-Amz-Signature=***&empty_key=",
        ),
        (
            "https://h.example/a?access_token=x&q=ä",
            "https://h.example/a?access_token=***&q=%C3%A4",
        ),
    ];
    for (url, expected) in cases {
        assert_eq!(masked(&url.parse().unwrap()), expected);
    }
}

#[tokio::test]
async fn only_what_is_safe_is_repeated() {
    let server = MockServer::start().await;
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(503))
        .mount(&server)
        .await;
    let client = client(&options());
    for (method, tries) in [
        (Method::GET, 3),
        (Method::HEAD, 3),
        (Method::PUT, 3),
        (Method::DELETE, 3),
        (Method::POST, 1),
        (Method::PATCH, 1),
    ] {
        let request = client
            .inner()
            .request(method.clone(), server.uri())
            .body("x")
            .build()
            .unwrap();
        let answer = client.send_safe(request).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.tries),
            (503, tries),
            "{method}"
        );
    }
    let request = client.inner().get(server.uri()).build().unwrap();
    assert_eq!(client.send(request).await.unwrap().tries, 1);
}

#[tokio::test]
async fn a_refusal_shows_status_and_first_line() {
    let server = MockServer::start().await;
    let response =
        ResponseTemplate::new(500).set_body_string(format!("\n {}\nsecond", "é".repeat(300)));
    Mock::given(path("/"))
        .respond_with(response)
        .mount(&server)
        .await;
    let answer = get(&client(&options()), &format!("{}/?token=t0k", server.uri()))
        .await
        .unwrap();
    assert!(!format!("{answer:?}").contains("t0k"), "{answer:?}");
    let error = answer.success().unwrap_err();
    assert_eq!(error.kind(), Kind::Remote);
    let expected = format!(
        "{}/?token=*** answered 500 Internal Server Error: {}…",
        server.uri(),
        "é".repeat(200)
    );
    assert_eq!(error.message(), expected);
}

#[tokio::test]
async fn redirects_end() {
    let server = MockServer::start().await;
    let round = ResponseTemplate::new(302).insert_header("location", "/");
    Mock::given(path("/"))
        .respond_with(round)
        .expect(6)
        .mount(&server)
        .await;
    let answer = get(&client(&options()), &server.uri()).await.unwrap();
    assert_eq!(answer.redirect(), Some(format!("{}/", server.uri())));
    assert!(answer.success().unwrap_err().hints()[0].contains("redirects to"));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal",
            "",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    let answer = get(&client(&options()), &url).await.unwrap();
    assert_eq!((answer.text().as_ref(), answer.tries), ("ok", 3));
    serving.await.unwrap();
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_apart() {
    // Too long for a DNS label, so that nobody is asked.
    let url = format!("http://{}.example/", "x".repeat(64));
    let failure = get(&client(&options()), &url).await.unwrap_err();
    assert_eq!((failure.cause, failure.tries), (Cause::Dns, 3), "{failure}");
}

#[tokio::test]
async fn the_body_limit_counts_unpacked_bytes() {
    let server = MockServer::start().await;
    let body = ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 100]);
    Mock::given(method("GET"))
        .respond_with(body)
        .expect(2)
        .mount(&server)
        .await;
    let mut options = options();
    options.max_body = 100;
    assert_eq!(
        get(&client(&options), &server.uri())
            .await
            .unwrap()
            .body
            .len(),
        100
    );
    options.max_body = 99;
    let failure = get(&client(&options), &server.uri()).await.unwrap_err();
    assert_eq!(failure.cause, Cause::TooLarge(99));
    let error = Error::from(failure);
    assert!(
        error
            .chain()
            .ends_with("the answer is larger than 99 bytes"),
        "{}",
        error.chain()
    );
}

/// A certificate authority, and what it signed for server and client.
struct Trust {
    ca: String,
    server: (String, String),
    client: String,
}

fn trust() -> Trust {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new([]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let signed = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (certificate, key) = signed("client");
    Trust {
        ca: pem,
        server: signed("127.0.0.1"),
        client: format!("{key}\n{certificate}"),
    }
}

/// Serves "ok" over TLS to clients that show a certificate of the authority.
async fn serve_tls(trust: &Trust) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate =
        |pem: &str| rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&trust.ca)).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let key = PrivateKeyDer::from_pem_slice(trust.server.1.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate(&trust.server.0)], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that is not trusted, or does not trust, ends here.
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
async fn tls_trusts_the_given_authority_and_shows_the_given_certificate() {
    let trust = trust();
    let url = serve_tls(&trust).await;
    let with = |ca: bool, identity: bool, insecure: bool| Options {
        ca: ca.then(|| trust.ca.clone()),
        identity: identity.then(|| trust.client.clone().into()),
        insecure_skip_verify: insecure,
        ..options()
    };
    let answer = get(&client(&with(true, true, false)), &url).await.unwrap();
    assert_eq!(answer.text(), "ok");
    let answer = get(&client(&with(false, true, true)), &url).await.unwrap();
    assert_eq!(answer.text(), "ok");

    let failure = get(&client(&with(false, true, false)), &url)
        .await
        .unwrap_err();
    assert_eq!((failure.cause, failure.tries), (Cause::Tls, 1), "{failure}");
    let failure = get(&client(&with(true, false, false)), &url)
        .await
        .unwrap_err();
    assert_eq!(failure.cause, Cause::Tls, "{failure}");
}

#[tokio::test]
async fn tls_to_a_plain_port_says_so() {
    let server = MockServer::start().await;
    let url = server.uri().replace("http://", "https://");
    let failure = get(&client(&options()), &url).await.unwrap_err();
    assert_eq!(failure.cause, Cause::Tls, "{failure}");
    assert!(failure.detail.contains("corrupt message"), "{failure}");
}

#[test]
fn pem_that_is_none_is_refused() {
    for pem in [
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
    ] {
        let options = Options {
            ca: Some(pem.to_owned()),
            ..options()
        };
        assert_eq!(
            Client::new(&options).unwrap_err().kind(),
            Kind::Usage,
            "{pem}"
        );
    }
}
