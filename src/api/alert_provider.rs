//! `AlertProvider` (Flagger: `pkg/apis/flagger/v1beta1/alert.go`).

use serde::{Deserialize, Serialize};

use super::{LocalRef, Metadata};

/// A receiver of alerts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AlertProvider {
    /// `flagger.app/v1beta1`.
    pub api_version: String,
    /// `AlertProvider`.
    pub kind: String,
    /// Name and namespace.
    pub metadata: Metadata,
    /// How to reach it.
    pub spec: AlertProviderSpec,
    /// Unused.
    pub status: Option<serde_yaml::Value>,
}

/// `spec` of an [`AlertProvider`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AlertProviderSpec {
    /// One of [`AlertProviderSpec::TYPES`]. Required.
    #[serde(rename = "type")]
    pub kind: String,
    /// Channel. Defaults to [`AlertProviderSpec::CHANNEL`].
    pub channel: Option<String>,
    /// Name of the sender. Defaults to [`AlertProviderSpec::USERNAME`].
    pub username: Option<String>,
    /// Address of the webhook; this or `secretRef`, not both.
    pub address: Option<String>,
    /// Proxy for the request.
    pub proxy: Option<String>,
    /// Secret with the keys `address` and, for Slack, `token`.
    pub secret_ref: Option<LocalRef>,
}

impl AlertProviderSpec {
    /// The receiver types of Flagger's schema, and [`AlertProviderSpec::WEBHOOK`].
    pub const TYPES: [&str; 6] = [
        "slack",
        "msteams",
        "discord",
        "rocket",
        "gchat",
        Self::WEBHOOK,
    ];

    /// The type that gets plain JSON; Flagger has none.
    pub const WEBHOOK: &str = "webhook";

    /// Default of `channel`.
    pub const CHANNEL: &str = "general";

    /// Default of `username`. Flagger's is its own name.
    pub const USERNAME: &str = "weirkeeper";

    /// `channel`, with its default.
    #[must_use]
    pub fn channel(&self) -> &str {
        let channel = self.channel.as_deref();
        channel
            .filter(|name| !name.is_empty())
            .unwrap_or(Self::CHANNEL)
    }

    /// `username`, with its default.
    #[must_use]
    pub fn username(&self) -> &str {
        let username = self.username.as_deref();
        username
            .filter(|name| !name.is_empty())
            .unwrap_or(Self::USERNAME)
    }
}
