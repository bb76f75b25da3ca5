//! What the tests of the providers share.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{Access, Keys};
use crate::api::ProviderType;
use crate::http::{Options, Retry};
use crate::settings::{Environment, Secrets};

/// Name of the Secret of every test.
pub(super) const SECRET: &str = "metrics";

/// The interval of every test's metric.
pub(super) const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// The time of every test's check: 1700000000.
pub(super) fn at() -> Timestamp {
    "2023-11-14T22:13:20Z".parse().unwrap()
}

/// The Secret with these keys.
pub(super) fn secrets(pairs: &[(&str, &str)]) -> Secrets {
    let variable =
        |(key, value): &(&str, &str)| (Secrets::variable(SECRET, key), (*value).to_owned());
    Secrets::new(None, &Environment::new(pairs.iter().map(variable)))
}

/// Access to `address` with the Secret; answers that ask for another try get one more,
/// at once.
pub(super) fn access<'a>(kind: &str, address: &str, secrets: &'a Secrets) -> Access<'a> {
    Access {
        kind: ProviderType::of(kind).unwrap(),
        address: address.parse().unwrap(),
        options: Options {
            environment_proxies: false,
            retry: Retry {
                tries: 2,
                first_wait: Duration::from_millis(1),
                ..Retry::default()
            },
            ..Options::default()
        },
        keys: Keys {
            secrets,
            name: Some(SECRET),
        },
    }
}

/// A server that gives every request the same answer.
pub(super) async fn serving(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

/// The only request that a server got.
pub(super) async fn only_request(server: &MockServer) -> Request {
    let mut requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

/// The parameters of a request's URL, decoded.
pub(super) fn parameters(request: &Request) -> Vec<(String, String)> {
    let pairs = request.url.query_pairs();
    pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// Is any value of the Secret in a text?
pub(super) fn leaks(secrets: &Secrets, kind: &str, text: &str) -> bool {
    let keys = ProviderType::of(kind).unwrap().keys;
    keys.iter().any(|key| {
        let value = secrets.get(SECRET, key).unwrap();
        value.is_some_and(|value| text.contains(value.expose_secret()))
    })
}
