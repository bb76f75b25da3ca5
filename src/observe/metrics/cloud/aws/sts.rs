//! Keys of a role for a token of another identity provider (Security Token Service,
//! `AssumeRoleWithWebIdentity`).

use roxmltree::Document;
use secrecy::SecretString;
use url::Url;

use super::refused::{Refusal, refusal};
use super::{Keys, TIMEOUT};
use crate::cli::environment;
use crate::error::{Error, Result};
use crate::http::{Answer, Client, Options, masked};
use crate::settings::WebIdentity;

/// Largest answer, in bytes; AWS' are some thousand.
const LARGEST: usize = 256 << 10;

/// Asks the service at `address` for keys of the role. The request is not signed: the token
/// says who asks.
pub(super) async fn exchange(address: &Url, identity: &WebIdentity) -> Result<Keys> {
    let token = fs_err::read_to_string(&identity.token_file).map_err(|error| {
        Error::usage("cannot read the token that may take a role of AWS")
            .because(error)
            .hint(format!(
                "{} names it",
                environment::AWS_WEB_IDENTITY_TOKEN_FILE
            ))
    })?;
    let client = Client::new(&Options {
        timeout: TIMEOUT,
        max_body: LARGEST,
        ..Options::default()
    })?;
    let form = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", &identity.role),
        ("RoleSessionName", &identity.session),
        ("WebIdentityToken", token.trim()),
    ];
    let request = client.inner().post(address.clone()).form(&form).build();
    let request = request.map_err(|error| {
        Error::internal("the exchange of a token cannot be put into a request")
            .because(error.without_url())
    })?;
    let who = format!("the Security Token Service at {}", masked(address));
    let answer = client.send_query(request).await.map_err(|failure| {
        Error::remote(format!("no answer from {who}"))
            .because(failure)
            .hint(format!("is {} right?", environment::AWS_REGION))
    })?;
    match answer.status.is_success() {
        true => keys(&answer).ok_or_else(|| {
            Error::remote(format!("the answer of {who} has no credentials"))
                .hint("is that the address of the Security Token Service?")
        }),
        false => Err(refused(&answer, &who, &identity.role)),
    }
}

/// The keys of an answer.
fn keys(answer: &Answer) -> Option<Keys> {
    let text = answer.text();
    // Entities of a DTD, which could make it huge, are refused.
    let document = Document::parse(&text).ok()?;
    let credentials = document
        .descendants()
        .find(|node| node.tag_name().name() == "Credentials")?;
    let child = |name: &str| {
        let mut children = credentials.children();
        let found = children.find(|node| node.tag_name().name() == name)?;
        found.text().map(str::trim).filter(|text| !text.is_empty())
    };
    Some(Keys {
        id: child("AccessKeyId")?.to_owned(),
        secret: SecretString::from(child("SecretAccessKey")?),
        token: Some(SecretString::from(child("SessionToken")?)),
        ends: Some(child("Expiration")?.parse().ok()?),
    })
}

fn refused(answer: &Answer, who: &str, role: &str) -> Error {
    let Refusal { code, text } = refusal(answer).unwrap_or_default();
    let hint = match code.as_str() {
        "ExpiredTokenException" | "ExpiredToken" => {
            Some("the token has ended: whoever writes the file must write a new one".to_owned())
        }
        "InvalidIdentityToken" | "InvalidIdentityTokenException" => Some(
            "AWS does not know who signed the token: is its issuer an OIDC provider of the account, \
             with the audience of the token?"
                .to_owned(),
        ),
        "IDPRejectedClaim" => Some("the provider of the token takes it back".to_owned()),
        "AccessDenied" | "AccessDeniedException" => Some(format!(
            "the trust policy of {role} must allow sts:AssumeRoleWithWebIdentity for the token: \
             compare its conditions on `sub` and `aud`"
        )),
        "RegionDisabledException" => {
            Some("switch the Security Token Service on in that region of the account".to_owned())
        }
        "ValidationError" => Some(format!("is {} right?", environment::AWS_ROLE_ARN)),
        _ => None,
    };
    super::super::Refused { code, text, hint }.error(who, answer)
}
