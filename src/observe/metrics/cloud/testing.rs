//! What the servers of clouds check, computed here anew and not by what is tested.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use ring::{digest, hmac};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::settings::{AwsSettings, Clock, CloudSettings};

/// A key as AWS' documentation shows it.
pub(in super::super) const KEY_ID: &str = "AKIDEXAMPLE";

/// Its secret half.
pub(in super::super) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// The key of a service account, made for these tests.
const PEM: &str = include_str!("google/key-for-tests.pem");

/// Settings with AWS' example key, at `now`.
pub(in super::super) fn aws_settings(now: &str) -> CloudSettings {
    CloudSettings {
        aws: AwsSettings {
            key: Some((KEY_ID.to_owned(), SecretString::from(SECRET))),
            region: Some("eu-west-1".to_owned()),
            ..AwsSettings::default()
        },
        clock: Some(Clock::new(now.parse().unwrap())),
        ..CloudSettings::default()
    }
}

/// A request as a server sees it.
pub(in super::super) struct Seen<'a> {
    pub(in super::super) method: &'a str,
    /// Path and query as they were sent.
    pub(in super::super) target: String,
    pub(in super::super) headers: BTreeMap<String, String>,
    pub(in super::super) body: &'a [u8],
}

impl<'a> Seen<'a> {
    pub(in super::super) fn of(request: &'a wiremock::Request) -> Self {
        let url = &request.url;
        let mut target = url.path().to_owned();
        if let Some(query) = url.query() {
            target.push_str(&format!("?{query}"));
        }
        let headers = request.headers.iter();
        Self {
            method: request.method.as_str(),
            target,
            headers: headers
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
            body: &request.body,
        }
    }

    /// Checks the signature as AWS' documentation says; the region and the service it is for.
    pub(in super::super) fn verified(&self, secret: &str) -> (String, String) {
        let given = &self.headers["authorization"];
        let rest = given.strip_prefix("AWS4-HMAC-SHA256 ").unwrap();
        let parts: BTreeMap<&str, &str> = rest
            .split(", ")
            .map(|part| part.split_once('=').unwrap())
            .collect();
        let (_, scope) = parts["Credential"].split_once('/').unwrap();
        let [date, region, service, "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..]
        else {
            panic!("{scope}");
        };
        let signed = parts["SignedHeaders"];
        let mut canonical = format!("{}\n{}\n", self.method, self.canonical_target());
        for name in signed.split(';') {
            canonical.push_str(&format!("{name}:{}\n", self.headers[name].trim()));
        }
        canonical.push_str(&format!("\n{signed}\n{}", hash(self.body)));
        let time = &self.headers["x-amz-date"];
        assert!(time.starts_with(date) && time.len() == "20150830T123600Z".len());
        let text = format!(
            "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
            hash(canonical.as_bytes())
        );
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [date, region, service, "aws4_request", &text] {
            key = mac(&key, part);
        }
        assert_eq!(parts["Signature"], hex(&key), "{canonical}");
        (region.to_owned(), service.to_owned())
    }

    /// The path, a line break and the sorted query. Only spellings that need no other one.
    fn canonical_target(&self) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%=&".contains(c);
        assert!(query.chars().all(plain), "{query}");
        let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        pairs.sort_unstable();
        format!("{path}\n{}", pairs.join("&"))
    }

    /// A parameter of the query, decoded.
    pub(in super::super) fn parameter(&self, name: &str) -> String {
        let (_, query) = self.target.split_once('?').unwrap();
        let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
        let (_, value) = pairs.find(|(known, _)| *known == name).unwrap();
        percent_decode_str(value)
            .decode_utf8()
            .unwrap()
            .into_owned()
    }
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The key of a service account as Google gives it.
pub(in super::super) fn service_account() -> Value {
    json!({
        "type": "service_account",
        "project_id": "shop",
        "private_key_id": "k1",
        "private_key": PEM,
        "client_email": "weirkeeper@shop.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
}

/// Checks the signature of a token by the public half of that key; what the token says.
pub(in super::super) fn claims(authorization: &str) -> Value {
    let token = authorization.strip_prefix("Bearer ").unwrap();
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("{token} is no signed token");
    };
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let read = |text: &str| -> Value { serde_json::from_slice(&decode(text)).unwrap() };
    assert_eq!(read(header)["alg"], "RS256");
    let pem: String = PEM.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD
        .decode(pem)
        .unwrap();
    let pair = RsaKeyPair::from_pkcs8(&der).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key());
    let signed = format!("{header}.{claims}");
    public
        .verify(signed.as_bytes(), &decode(signature))
        .unwrap();
    read(claims)
}
