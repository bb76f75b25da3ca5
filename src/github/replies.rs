//! A comment that somebody wrote, and an answer to it
//! (`/repos/{owner}/{repo}/issues/comments/{comment_id}`,
//! `/repos/{owner}/{repo}/issues/{issue_number}/comments`).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::collaborators::User;
use super::{Ask, GitHub, Refused};
use crate::error::Result;

/// A comment of an issue or a pull request, as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Remark {
    /// Its number, unique at this GitHub; later ones are larger.
    pub id: u64,
    /// Markdown.
    pub body: Option<String>,
    /// Who wrote it; `None` when the account is gone.
    pub user: Option<User>,
    /// Where it is shown.
    pub html_url: Url,
    /// The issue, or pull request, it belongs to, in the API.
    pub issue_url: Url,
    /// When it was written.
    pub created_at: Timestamp,
    /// The app that wrote it in the name of the user.
    pub performed_via_github_app: Option<Value>,
}

impl Remark {
    /// Does it belong to the issue or pull request `number`?
    #[must_use]
    pub fn is_of(&self, number: u64) -> bool {
        let issue = format!("/issues/{number}");
        self.issue_url.path().ends_with(&issue)
    }

    /// Did a person write it, by themselves?
    #[must_use]
    pub fn is_by_a_person(&self) -> bool {
        let is_user = self.user.as_ref().is_some_and(|user| user.kind == "User");
        is_user && self.performed_via_github_app.is_none()
    }
}

/// Where the commits of a pull request come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// Its branch.
    #[serde(rename = "ref")]
    pub branch: String,
    /// The repository of the branch; `None` when it is gone.
    pub repo: Option<HeadRepository>,
}

/// The repository a pull request comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HeadRepository {
    /// `owner/name`.
    pub full_name: String,
}

impl GitHub {
    /// The comment `id` as it is now; `None` when it is gone.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn remark(&self, id: u64) -> Result<Option<Remark>, Refused> {
        let ask = Ask::get(["issues", "comments", &id.to_string()]);
        self.find(&ask.needs("issues: read")).await
    }

    /// Writes a comment to the issue or pull request `number`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); `needs` is the permission that is named.
    pub async fn reply(&self, number: u64, text: &str, needs: &'static str) -> Result<(), Refused> {
        let ask = Ask::post(["issues", &number.to_string(), "comments"]);
        self.tell(&ask.json(json!({"body": text})).needs(needs))
            .await
    }

    /// Where the commits of the pull request `number` come from.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn head_of(&self, number: u64) -> Result<Head, Refused> {
        #[derive(Deserialize)]
        struct Pull {
            head: Head,
        }
        let ask = Ask::get(["pulls", &number.to_string()]);
        let pull: Pull = self.ask(&ask.needs("pull-requests: read")).await?;
        Ok(pull.head)
    }
}
