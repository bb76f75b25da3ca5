//! Deployments and their statuses
//! (`/repos/{owner}/{repo}/deployments`,
//! `/repos/{owner}/{repo}/deployments/{deployment_id}/statuses`).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::{Ask, GitHub, Refused};
use crate::error::Result;

/// The permission that writing takes.
const WRITE: &str = "deployments: write";

/// Longest description of a status, in characters.
const DESCRIPTION: usize = 140;

/// Deployments of an environment that are looked through, the newest.
const LISTED: &str = "100";

/// A Deployment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Deployment {
    /// Its number.
    pub id: u64,
    /// What it was made with: an object, or its text.
    #[serde(default)]
    pub payload: Value,
}

/// A Deployment that is to be made.
#[derive(Debug, Clone, Serialize)]
pub struct NewDeployment<'a> {
    /// The commit.
    #[serde(rename = "ref")]
    pub commit: &'a str,
    /// Where it goes: `namespace/name`.
    pub environment: &'a str,
    /// What it is.
    pub description: &'a str,
    /// What it is found by.
    pub payload: Value,
}

/// How a Deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// It could not be made.
    Error,
    /// It did not work.
    Failure,
    /// Another one took its place.
    Inactive,
    /// It is being made.
    InProgress,
    /// It waits to be made.
    Queued,
    /// Nothing is known of it yet.
    Pending,
    /// It is there.
    Success,
}

impl DeploymentState {
    /// Is it there, or on its way?
    #[must_use]
    pub fn is_active(self) -> bool {
        match self {
            Self::InProgress | Self::Queued | Self::Pending | Self::Success => true,
            Self::Error | Self::Failure | Self::Inactive => false,
        }
    }
}

/// A status that a Deployment gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStatus {
    /// How it stands.
    pub state: DeploymentState,
    /// In words; what is longer than GitHub takes is cut.
    pub description: String,
    /// The run that tells more.
    pub log: Option<Url>,
    /// Where users meet it.
    pub environment: Option<Url>,
}

/// The last status of a Deployment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeploymentStatus {
    id: u64,
    /// How it stands.
    pub state: DeploymentState,
    /// In words.
    #[serde(default)]
    pub description: String,
}

impl Deployment {
    /// What it was made with, as an object.
    #[must_use]
    pub fn payload(&self) -> Value {
        match self.payload.as_str() {
            Some(text) => serde_json::from_str(text).unwrap_or_default(),
            None => self.payload.clone(),
        }
    }
}

impl NewStatus {
    /// The description as GitHub takes it.
    #[must_use]
    pub fn short(&self) -> String {
        if self.description.chars().count() <= DESCRIPTION {
            return self.description.clone();
        }
        let mut short: String = self.description.chars().take(DESCRIPTION - 1).collect();
        short.push('…');
        short
    }
}

impl GitHub {
    /// The newest Deployments of an environment, the newest first, at most 100.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn deployments(&self, environment: &str) -> Result<Vec<Deployment>, Refused> {
        let ask = Ask::get(["deployments"])
            .query("environment", environment)
            .query("per_page", LISTED);
        let mut found: Vec<Deployment> = self.ask(&ask.needs("deployments: write")).await?;
        // The order of the API, made sure of.
        found.sort_by_key(|deployment| std::cmp::Reverse(deployment.id));
        Ok(found)
    }

    /// Makes a Deployment: of the commit as it is, whatever checks say about it.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn deploy(&self, new: &NewDeployment<'_>) -> Result<Deployment, Refused> {
        let mut body = json!(new);
        body["auto_merge"] = json!(false);
        body["required_contexts"] = json!([]);
        // It stays, and GitHub ends earlier ones of an environment that is not
        // called production.
        body["transient_environment"] = json!(false);
        body["production_environment"] = json!(false);
        self.ask(&Ask::post(["deployments"]).json(body).needs(WRITE))
            .await
    }

    /// The last status of a Deployment; `None` when it has none.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn deployment_status(&self, id: u64) -> Result<Option<DeploymentStatus>, Refused> {
        let ask = Ask::get(["deployments", &id.to_string(), "statuses"]);
        // The first page has the newest.
        let newest: Vec<DeploymentStatus> = self.ask(&ask.needs("deployments: write")).await?;
        Ok(newest.into_iter().max_by_key(|status| status.id))
    }

    /// Gives a Deployment a status. One of success ends the earlier Deployments of
    /// the environment.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn set_deployment_status(&self, id: u64, new: &NewStatus) -> Result<(), Refused> {
        let mut body = json!({
            "state": new.state,
            "description": new.short(),
            "auto_inactive": new.state == DeploymentState::Success,
        });
        if let Some(log) = &new.log {
            body["log_url"] = json!(log);
        }
        if let Some(environment) = &new.environment {
            body["environment_url"] = json!(environment);
        }
        let ask = Ask::post(["deployments", &id.to_string(), "statuses"]);
        self.tell(&ask.json(body).needs(WRITE)).await
    }
}
