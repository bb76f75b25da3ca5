//! Reactions to a comment
//! (`POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions`).

use serde_json::json;

use super::{Ask, GitHub, Refused};
use crate::error::Result;

/// A reaction to a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// 👍: it was done.
    Done,
    /// 👎: it was not done.
    Refused,
    /// 😕: whoever wrote it has no say here.
    Confused,
}

impl Reaction {
    fn content(self) -> &'static str {
        match self {
            Self::Done => "+1",
            Self::Refused => "-1",
            Self::Confused => "confused",
        }
    }
}

impl GitHub {
    /// Reacts to a comment. The same reaction once more changes nothing.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); `needs` is the permission that is named.
    pub async fn react(
        &self,
        comment: u64,
        reaction: Reaction,
        needs: &'static str,
    ) -> Result<(), Refused> {
        let ask = Ask::post(["issues", "comments", &comment.to_string(), "reactions"]);
        let ask = ask.json(json!({"content": reaction.content()}));
        self.tell(&ask.needs(needs)).await
    }
}
