//! The event that starts a workflow when somebody writes a comment.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::github::User;
use crate::settings::Settings;

/// Name of the event.
const NAME: &str = "issue_comment";

/// What is read of the payload of `issue_comment`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Event {
    /// `created`, `edited` or `deleted`.
    pub(super) action: String,
    pub(super) comment: Comment,
    pub(super) issue: Issue,
    pub(super) repository: Repository,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) body: Option<String>,
    pub(super) user: Option<User>,
    pub(super) performed_via_github_app: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Issue {
    pub(super) number: u64,
    /// Is it a pull request? Then this is there.
    pub(super) pull_request: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Repository {
    pub(super) full_name: String,
}

impl Event {
    /// Reads the event that started the workflow.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) outside of a workflow, for another
    /// event, or a payload that is none of this event.
    pub(super) fn read(settings: &Settings) -> Result<Self> {
        let hint = "run it in a workflow with `on: { issue_comment: { types: [created] } }`";
        let needs = |message: String| Error::usage(message).hint(hint);
        let runner = settings.github.as_ref();
        let event = runner.and_then(|runner| runner.event.as_deref());
        let runner = runner.filter(|runner| runner.payload.is_some());
        let nowhere = || {
            needs(format!(
                "comment needs a workflow that the event {NAME} started"
            ))
        };
        let (Some(event), Some(runner)) = (event, runner) else {
            return Err(nowhere());
        };
        if event != NAME {
            return Err(needs(format!(
                "comment needs the event {NAME}, this workflow was started by {}",
                event.escape_debug()
            )));
        }
        let event = runner.read_payload();
        event.map_err(|error| error.hint(hint))?.ok_or_else(nowhere)
    }

    /// Why nobody is to be obeyed, if so; nobody is answered then, either.
    pub(super) fn is_out_of_question(&self) -> Option<&'static str> {
        let kind = self.comment.user.as_ref().map(|user| user.kind.as_str());
        match (&*self.action, kind) {
            ("created", Some("User")) if self.comment.performed_via_github_app.is_none() => None,
            ("created", Some("User")) => Some("the comment was written by an app"),
            ("created", Some(_)) => Some("the comment was not written by a person"),
            ("created", None) => Some("nobody knows who wrote the comment"),
            _ => Some("only new comments are obeyed, not edited or deleted ones"),
        }
    }

    /// The permission that an answer takes.
    pub(super) fn permission(&self) -> &'static str {
        match self.issue.pull_request {
            Some(_) => "pull-requests: write",
            None => "issues: write",
        }
    }
}
