//! Comments on issues and pull requests.

use serde::Deserialize;
use serde_json::json;

use super::{Ask, GitHub, Refused};

/// The permission that comments of ours take.
const WRITE: &str = "pull-requests: write";

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Comment {
    /// Its number; a later comment has a larger one.
    pub id: u64,
    /// Its Markdown.
    #[serde(default)]
    pub body: Option<String>,
    /// Who wrote it; nobody whose account is gone.
    #[serde(default)]
    pub user: Option<Author>,
}

/// Who wrote a comment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Author {
    /// Name of the account; that of an App ends with `[bot]`.
    pub login: String,
    /// `User`, `Bot`, `Organization`.
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// What became of the comment that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// There was none, and none was wanted.
    None,
    /// It says so already.
    Same,
    /// It says something else now.
    Updated,
    /// It is new.
    Created,
}

impl Author {
    /// Is it the account `login`? GraphQL leaves `[bot]` out where REST says it, and
    /// anybody may call an account of their own like a bot without it.
    fn is(&self, login: &str) -> bool {
        let plain = |name: &str| name.trim_end_matches("[bot]").to_lowercase();
        let is_bot = self.kind == "Bot" && self.login.ends_with("[bot]");
        self.login.eq_ignore_ascii_case(login) || (is_bot && plain(&self.login) == plain(login))
    }
}

impl GitHub {
    /// The name of the account whose token this is.
    ///
    /// # Errors
    /// As [`GitHub::graphql`].
    pub async fn viewer(&self) -> Result<String, Refused> {
        #[derive(Deserialize)]
        struct Data {
            viewer: Viewer,
        }
        #[derive(Deserialize)]
        struct Viewer {
            login: String,
        }
        let data: Data = self
            .graphql("query { viewer { login } }", json!({}), WRITE)
            .await?;
        Ok(data.viewer.login)
    }

    /// Every comment on an issue or a pull request, over all pages.
    ///
    /// # Errors
    /// As [`GitHub::ask`].
    pub async fn comments(&self, issue: u64) -> Result<Vec<Comment>, Refused> {
        let issue = issue.to_string();
        let ask = Ask::get(["issues", &issue, "comments"]).needs("pull-requests: read");
        self.pages(&ask).await
    }

    /// Writes a comment.
    ///
    /// # Errors
    /// As [`GitHub::ask`].
    pub async fn comment(&self, issue: u64, body: &str) -> Result<Comment, Refused> {
        let issue = issue.to_string();
        let ask = Ask::post(["issues", &issue, "comments"]).needs(WRITE);
        self.ask(&ask.json(json!({ "body": body }))).await
    }

    /// Keeps one comment of ours that begins with `marker`: updates it in place, makes
    /// it when there is none and `create` says so, and removes what racing jobs made
    /// besides. The oldest stays, so that all of them keep the same one.
    ///
    /// A comment of somebody else is never touched, whatever it begins with.
    ///
    /// # Errors
    /// As [`GitHub::ask`]; nothing is repeated that may have been done.
    pub async fn keep_comment(
        &self,
        issue: u64,
        marker: &str,
        body: &str,
        create: bool,
    ) -> Result<Kept, Refused> {
        let me = self.viewer().await?;
        let ours = self.ours(issue, &me, marker).await?;
        if !ours.is_empty() {
            return self.settle(&ours, body).await;
        }
        if !create {
            return Ok(Kept::None);
        }
        self.comment(issue, body).await?;
        // Somebody else may have looked at the same time.
        let ours = self.ours(issue, &me, marker).await?;
        self.settle(&ours, body).await?;
        Ok(Kept::Created)
    }

    /// Comments of `me` that begin with `marker`, the oldest first.
    async fn ours(&self, issue: u64, me: &str, marker: &str) -> Result<Vec<Comment>, Refused> {
        let mut ours = self.comments(issue).await?;
        ours.retain(|comment| {
            let author = comment.user.as_ref();
            let body = comment.body.as_deref().unwrap_or_default();
            author.is_some_and(|author| author.is(me)) && body.starts_with(marker)
        });
        ours.sort_by_key(|comment| comment.id);
        Ok(ours)
    }

    /// Lets the oldest say `body`, and removes the others.
    async fn settle(&self, ours: &[Comment], body: &str) -> Result<Kept, Refused> {
        let Some((oldest, others)) = ours.split_first() else {
            return Ok(Kept::None);
        };
        let kept = match says(oldest, body) {
            true => Kept::Same,
            false => {
                let id = oldest.id.to_string();
                let ask = Ask::patch(["issues", "comments", &id]).needs(WRITE);
                self.tell(&ask.json(json!({ "body": body }))).await?;
                Kept::Updated
            }
        };
        for other in others {
            let id = other.id.to_string();
            let removed = self
                .tell(&Ask::delete(["issues", "comments", &id]).needs(WRITE))
                .await;
            match removed {
                // Another job was faster.
                Err(refused) if refused.is(404) => {}
                removed => removed?,
            }
        }
        Ok(kept)
    }
}

/// Does it say that already? GitHub may change how lines end.
fn says(comment: &Comment, body: &str) -> bool {
    let plain = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    comment.body.as_deref().map(plain) == Some(plain(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_told_apart() {
        let author = |login: &str, kind: &str| Author {
            login: login.to_owned(),
            kind: kind.to_owned(),
        };
        assert!(author("github-actions[bot]", "Bot").is("github-actions[bot]"));
        assert!(author("github-actions[bot]", "Bot").is("github-actions"));
        assert!(author("Ann", "User").is("ann"));
        // A person who calls the account like the bot.
        assert!(!author("github-actions", "User").is("github-actions[bot]"));
        assert!(!author("mallory", "User").is("ann"));
        assert!(!author("mallory[bot]", "Bot").is("github-actions[bot]"));
    }
}
