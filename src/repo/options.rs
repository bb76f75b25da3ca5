//! How `git` is run, and what of it is secret.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret as _, SecretString};

/// How `git` is run.
#[derive(Clone)]
pub struct GitOptions {
    /// The executable, looked up in the `PATH` of [`environment`](Self::environment). Default `git`.
    pub git: PathBuf,
    /// Limit for one process. Default 60 s.
    pub timeout: Duration,
    /// The *whole* environment of the process. Git needs `PATH`, `HOME`, and whatever proxies and SSH
    /// agents are configured by. Default: empty.
    pub environment: Vec<(String, String)>,
    /// Sent to http(s) remotes, instead of any credentials the checkout may hold. Default: none, the
    /// checkout's own credentials are used.
    pub token: Option<SecretString>,
}

impl Default for GitOptions {
    fn default() -> Self {
        Self {
            git: PathBuf::from("git"),
            timeout: Duration::from_secs(60),
            environment: Vec::new(),
            token: None,
        }
    }
}

/// Names of variables only: their values may be secret.
impl fmt::Debug for GitOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.environment.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("GitOptions")
            .field("git", &self.git)
            .field("timeout", &self.timeout)
            .field("environment", &names)
            .field("token", &self.token)
            .finish()
    }
}

impl GitOptions {
    /// A variable of the environment Git gets; of several the last one counts.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let mut found = self.environment.iter().rev().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| &**value)
    }

    /// The value of an `Authorization` header for the token.
    pub(super) fn authorization(&self) -> Option<SecretString> {
        let token = self.token.as_ref()?.expose_secret();
        if token.is_empty() {
            return None;
        }
        let pair = BASE64.encode(format!("x-access-token:{token}"));
        Some(format!("AUTHORIZATION: basic {pair}").into())
    }

    /// `text` without the token, the passwords in addresses, and control characters.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = text.replace('\r', "\n");
        text.retain(|character| matches!(character, '\n' | '\t') || !character.is_control());
        if let Some(token) = &self.token
            && !token.expose_secret().is_empty()
        {
            let token = token.expose_secret();
            text = text.replace(&BASE64.encode(format!("x-access-token:{token}")), "***");
            text = text.replace(token, "***");
        }
        mask_addresses(&text)
    }
}

/// Replaces user and password in every address of `text`; the user of an SSH address may stay.
pub(super) fn mask_addresses(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(colon) = rest.find("://") {
        let (before, after) = rest.split_at(colon + 3);
        masked.push_str(before);
        let end = after
            .find(|c: char| c == '/' || c.is_whitespace() || c == '\'' || c == '"')
            .unwrap_or(after.len());
        let authority = &after[..end];
        rest = after;
        if let Some(at) = authority.rfind('@') {
            let secret = authority[..at].contains(':') || !before.ends_with("ssh://");
            masked.push_str(if secret { "***" } else { &authority[..at] });
            rest = &after[at..];
        }
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_secrets() {
        let cases = [
            ("to https://me:pw@h/x done", "to https://***@h/x done"),
            ("https://TOKEN@h", "https://***@h"),
            ("ssh://git@h/x", "ssh://git@h/x"),
            (
                "ssh://git:pw@h/x 'http://a:b@c'",
                "ssh://***@h/x 'http://***@c'",
            ),
            ("http://h/a@b", "http://h/a@b"),
            ("no address", "no address"),
        ];
        for (text, expected) in cases {
            assert_eq!(mask_addresses(text), expected);
        }
    }

    #[test]
    fn token_is_masked_in_both_shapes() {
        let options = GitOptions {
            token: Some("s3cret".to_owned().into()),
            ..GitOptions::default()
        };
        let pair = BASE64.encode("x-access-token:s3cret");
        let text = options.clean(&format!("bad s3cret\u{1b}[31m and {pair}\r50%"));
        assert_eq!(text, "bad ***[31m and ***\n50%");
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
