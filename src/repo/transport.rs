//! Talking to a remote: credentials go to it and nowhere else, what it says is explained.

use url::Url;

use super::git::Repository;
use super::options::mask_addresses;
use super::process::{Answer, Call};
use crate::error::{Error, Result};

/// Which way objects go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Fetch,
    Push,
}

impl Repository {
    /// Runs a `git` that talks to `remote`, with the token if there is one.
    pub(super) async fn talk(&self, way: Way, remote: &str, mut call: Call) -> Result<Answer> {
        if remote.is_empty() || remote.starts_with('-') {
            return Err(Error::usage(format!("`{remote}` cannot be a remote")));
        }
        let options = &self.options;
        let chosen = ["GIT_SSH_COMMAND", "GIT_SSH"]
            .iter()
            .any(|n| options.variable(n).is_some());
        if !chosen && !self.settings.ssh {
            call = call.variable("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        if let Some(header) = options.authorization()
            && let Some(address) = self.http_address(way, remote).await?
        {
            let key = format!("http.{address}.extraHeader");
            // The empty values drop what the checkout configured: two headers are refused, and a
            // helper would be told to forget good credentials when the token is wrong.
            call = call
                .secret("credential.helper".into(), String::new().into())
                .secret(key.clone(), String::new().into())
                .secret(key, header);
        }
        self.git(call).await
    }

    /// The address of an http(s) remote, without credentials: the token goes nowhere else.
    async fn http_address(&self, way: Way, remote: &str) -> Result<Option<String>> {
        let mut address = remote.to_owned();
        if self.settings.remotes.iter().any(|name| name == remote) {
            let push: &[&str] = if way == Way::Push { &["--push"] } else { &[] };
            let call = Call::new(["remote", "get-url"].iter().chain(push).copied());
            let answer = self.git(call.values([remote])).await?;
            let answer =
                answer.expect(|| Error::usage(format!("no remote `{}`", shown(remote))))?;
            address = answer.text();
        }
        let Ok(mut url) = Url::parse(&address) else {
            return Ok(None);
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Ok(None);
        }
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        url.set_query(None);
        url.set_fragment(None);
        Ok(cleared.is_ok().then(|| url.to_string()))
    }
}

/// Why a remote did not answer.
pub(super) fn failed(way: Way, remote: &str, answer: &Answer) -> Error {
    const DENIED: [&str; 14] = [
        "authentication failed",
        "could not read username",
        "could not read password",
        "terminal prompts disabled",
        "permission denied (",
        "permission to ",
        "returned error: 401",
        "returned error: 403",
        "write access to repository not granted",
        "host key verification failed",
        "not authorized",
        "access denied",
        "marked as read only",
        "you are not allowed to",
    ];
    let text = answer.stderr.to_lowercase();
    let (remote, complaint) = (shown(remote), answer.complaint());
    let (verb, right) = match way {
        Way::Fetch => ("fetch from", "contents: read"),
        Way::Push => ("push to", "contents: write"),
    };
    if DENIED.iter().any(|part| text.contains(part)) {
        return Error::remote(format!("no permission to {verb} remote `{remote}`"))
            .because(complaint)
            .hint(format!(
                "give a token that may: in a workflow `permissions: {right}`, \
                 and actions/checkout with `persist-credentials: true` or the `token` input here"
            ));
    }
    let error = Error::remote(format!("cannot {verb} remote `{remote}`")).because(complaint);
    if text.contains("not found") || text.contains("does not appear to be a git repository") {
        return error.hint("does it exist, and may this token see it?");
    }
    error
}

/// A remote may be given as an address, with a password.
pub(super) fn shown(remote: &str) -> String {
    mask_addresses(remote)
}
