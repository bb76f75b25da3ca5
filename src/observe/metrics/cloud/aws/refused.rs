//! What AWS says when it does not answer, and what to do.

use roxmltree::Document;
use serde::Deserialize;

use super::super::{Refused, first_line};
use super::{Chain, Service};
use crate::http::Answer;

/// The code and the words of a refusal, whatever form the service has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    /// `AccessDeniedException`.
    pub(super) code: String,
    /// The first line.
    pub(super) text: String,
}

#[derive(Deserialize)]
struct Json {
    #[serde(rename = "__type", alias = "code", alias = "Code")]
    kind: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

/// Reads the refusal of a service: JSON, with the code in a header or the body, or XML.
pub(super) fn refusal(answer: &Answer) -> Option<Refusal> {
    let header = answer.headers.get("x-amzn-errortype");
    let declared = header.and_then(|value| value.to_str().ok());
    let read = |kind: Option<&str>, text: Option<&str>| Refusal {
        code: plain(declared.or(kind).unwrap_or_default()),
        text: first_line(text.unwrap_or_default()),
    };
    if let Ok(json) = serde_json::from_slice::<Json>(&answer.body) {
        let known = declared.is_some() || json.kind.is_some() || json.message.is_some();
        return known.then(|| read(json.kind.as_deref(), json.message.as_deref()));
    }
    let text = answer.text();
    let document = Document::parse(&text).ok()?;
    let element = |name: &str| {
        let mut nodes = document.descendants();
        nodes.find(|node| node.tag_name().name() == name)?.text()
    };
    let code = element("Code")?;
    Some(read(Some(code), element("Message")))
}

/// The bare code: `com.amazonaws.x#AccessDenied:http://…` is `AccessDenied`.
fn plain(code: &str) -> String {
    let code = code.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let word = |c: &char| c.is_ascii_alphanumeric() || ['_', '.'].contains(c);
    code.chars().filter(word).take(80).collect()
}

/// Why `service` did not answer, if that is about who asks or how often.
pub(in super::super) fn refused(
    answer: &Answer,
    chain: &Chain,
    service: &Service,
) -> Option<Refused> {
    let Refusal { code, text } = refusal(answer)?;
    let hint = hint(
        &code,
        &text,
        answer.status.as_u16(),
        chain.source(),
        service,
    )?;
    Some(Refused {
        code,
        text,
        hint: Some(hint),
    })
}

/// What to do. Services with the REST protocol may say no code, so the words count, too.
fn hint(code: &str, text: &str, status: u16, source: &str, service: &Service) -> Option<String> {
    let Service {
        name,
        action,
        region,
    } = service;
    let is = |codes: &[&str], words: &[&str]| {
        let starts = codes.iter().any(|known| code.starts_with(known));
        starts || words.iter().any(|known| text.contains(known))
    };
    if is(
        &["RequestTimeTooSkewed", "RequestExpired"],
        &["Signature expired", "not yet current"],
    ) {
        return Some(
            "the clock of this machine is wrong: AWS takes signatures of the last minutes"
                .to_owned(),
        );
    }
    if is(
        &["ExpiredToken"],
        &["token included in the request is expired"],
    ) {
        return Some(format!(
            "the credentials of {source} have ended: those of aws-actions/configure-aws-credentials \
             last an hour unless role-duration-seconds says more"
        ));
    }
    if is(&[], &["Credential should be scoped"]) {
        return Some(format!(
            "the request is signed for `{name}` in {region}: is that the region of the address?"
        ));
    }
    if is(
        &[
            "SignatureDoesNotMatch",
            "InvalidSignature",
            "IncompleteSignature",
        ],
        &["signature we calculated does not match"],
    ) {
        return Some(format!(
            "the secret half does not belong to the key of {source}, or a proxy changes the request"
        ));
    }
    if is(
        &[
            "UnrecognizedClient",
            "InvalidClientTokenId",
            "InvalidAccessKeyId",
        ],
        &["token included in the request is invalid"],
    ) {
        return Some(format!(
            "AWS does not know the key of {source}: it was deleted, belongs to another partition, \
             or lacks its AWS_SESSION_TOKEN"
        ));
    }
    if is(&["OptInRequired", "SubscriptionRequired"], &[]) {
        return Some(format!(
            "the account has not switched {region} or the service on"
        ));
    }
    if is(
        &[
            "Throttl",
            "TooManyRequests",
            "RequestLimitExceeded",
            "LimitExceeded",
        ],
        &[],
    ) || status == 429
    {
        return Some(
            "too many queries at once: run less often, or ask AWS for a higher quota".to_owned(),
        );
    }
    if is(
        &[
            "AccessDenied",
            "NotAuthorized",
            "UnauthorizedOperation",
            "MissingAuthentication",
        ],
        &[],
    ) || status == 403
    {
        return Some(format!(
            "the credentials of {source} need the permission {action}"
        ));
    }
    if is(&["ResourceNotFound"], &[]) {
        return Some(format!("is there such a workspace in {region}?"));
    }
    None
}
