//! Pull requests, and the branches they come from
//! (`/repos/{owner}/{repo}/pulls`, `/issues/{number}/labels`, `/git/…`).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Ask, GitHub, Refused};

/// What it takes to see pull requests.
const SEE: &str = "pull-requests: read";

/// What it takes to open and to change them.
const WRITE: &str = "pull-requests: write";

/// What it takes to make branches, and to merge.
const CONTENTS: &str = "contents: write";

/// A pull request, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Its name in GraphQL.
    pub node_id: String,
    /// Where people see it.
    pub html_url: String,
    /// Its first line.
    #[serde(default)]
    pub title: String,
    /// Its text, Markdown.
    #[serde(default)]
    pub body: Option<String>,
    /// `open` or `closed`.
    pub state: String,
    /// The branch it comes from.
    pub head: Side,
    /// The branch it goes to.
    pub base: Side,
    /// When it was merged; `None` when it was not.
    #[serde(default)]
    pub merged_at: Option<Timestamp>,
    /// The commit that brought it to the branch, once it is merged.
    #[serde(default)]
    pub merge_commit_sha: Option<String>,
    /// Names and more of its labels.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// Is it merged by itself?
    #[serde(default)]
    pub auto_merge: Option<Value>,
    /// `clean`, `dirty`, `behind`, `blocked` and others; only of one that was asked
    /// for alone.
    #[serde(default)]
    pub mergeable_state: Option<String>,
}

/// One end of a pull request.
#[derive(Debug, Clone, Deserialize)]
pub struct Side {
    /// The name of the branch.
    #[serde(rename = "ref")]
    pub name: String,
    /// Its commit.
    pub sha: String,
    /// Its repository; `None` when that was deleted.
    #[serde(default)]
    pub repo: Option<Owned>,
}

/// Something with a number that is never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Owned {
    /// The number.
    pub id: u64,
}

/// A label.
#[derive(Debug, Clone, Deserialize)]
pub struct Label {
    /// What it says.
    pub name: String,
}

/// Who made a commit, and how.
#[derive(Debug, Clone, Deserialize)]
pub struct Made {
    /// Who wrote it.
    pub author: Who,
    /// Who made it.
    pub committer: Who,
    /// Its message.
    pub message: String,
    /// What it builds on.
    pub parents: Vec<Parent>,
}

/// A person in a commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Who {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// When.
    pub date: Timestamp,
}

/// A commit that another one builds on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Parent {
    /// Its name.
    pub sha: String,
}

impl PullRequest {
    /// Does it come from a branch of the repository itself? Everybody can open one
    /// from a fork.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.head.repo.is_some() && self.head.repo == self.base.repo
    }

    /// Is it open?
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == "open"
    }
}

impl GitHub {
    /// Every open pull request.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn open_pulls(&self) -> Result<Vec<PullRequest>, Refused> {
        let ask = Ask::get(["pulls"]).query("state", "open").needs(SEE);
        self.pages(&ask).await
    }

    /// The closed and merged pull requests into `base` that changed last, 100 at most.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn recently_closed_pulls(&self, base: &str) -> Result<Vec<PullRequest>, Refused> {
        let ask = Ask::get(["pulls"])
            .query("state", "closed")
            .query("base", base)
            .query("sort", "updated")
            .query("direction", "desc")
            .query("per_page", "100")
            .needs(SEE);
        self.ask(&ask).await
    }

    /// Every pull request from the branch `head` of this repository, the newest
    /// first.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn pulls_from(&self, head: &str) -> Result<Vec<PullRequest>, Refused> {
        let owner = self.repository()?.split('/').next().unwrap_or_default();
        let ask = Ask::get(["pulls"])
            .query("state", "all")
            .query("head", format!("{owner}:{head}"))
            .needs(SEE);
        let mut pulls: Vec<PullRequest> = self.pages(&ask).await?;
        // GitHub ignores a filter that it does not understand.
        pulls.retain(|pull| pull.is_own() && pull.head.name == head);
        pulls.sort_by_key(|pull| std::cmp::Reverse(pull.number));
        Ok(pulls)
    }

    /// One pull request, with [`PullRequest::mergeable_state`].
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn pull(&self, number: u64) -> Result<PullRequest, Refused> {
        let ask = Ask::get(["pulls", &number.to_string()]).needs(SEE);
        self.ask(&ask).await
    }

    /// Opens a pull request from `head` into `base`, both branches of this repository.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); 422 when there is one already.
    pub async fn open_pull(
        &self,
        head: &str,
        base: &str,
        title: &str,
        body: &str,
    ) -> Result<PullRequest, Refused> {
        let new = json!({"head": head, "base": base, "title": title, "body": body});
        let ask = Ask::post(["pulls"]).json(new).needs(WRITE);
        self.ask(&ask).await
    }

    /// Changes `title`, `body`, `state` of a pull request: what is given.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn change_pull(
        &self,
        number: u64,
        fields: &[(&str, &str)],
    ) -> Result<PullRequest, Refused> {
        let pairs = fields.iter();
        let fields: Map<String, Value> = pairs
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect();
        let ask = Ask::patch(["pulls", &number.to_string()])
            .json(fields)
            .needs(WRITE);
        self.ask(&ask).await
    }

    /// Adds labels to a pull request; GitHub makes those that do not exist.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn label_pull(&self, number: u64, labels: &[&str]) -> Result<(), Refused> {
        let ask = Ask::post(["issues", &number.to_string(), "labels"])
            .json(json!({"labels": labels}))
            .needs(WRITE);
        self.tell(&ask).await
    }

    /// Lets GitHub merge `pull` by `method` (`MERGE`, `SQUASH`, `REBASE`) as soon as
    /// the rules of the branch are met. `message` is that of the commit where GitHub
    /// writes a new one: headline and body.
    ///
    /// # Errors
    /// As [`graphql`](Self::graphql): when the repository does not allow it, or
    /// nothing is waited for.
    pub async fn merge_when_ready(
        &self,
        pull: &PullRequest,
        method: &str,
        message: Option<(&str, &str)>,
    ) -> Result<(), Refused> {
        let mut input = json!({"pullRequestId": pull.node_id, "mergeMethod": method});
        if let Some((headline, body)) = message {
            input["commitHeadline"] = headline.into();
            input["commitBody"] = body.into();
        }
        let document = include_str!("enable_auto_merge.graphql");
        let variables = json!({"input": input});
        let _answer: Value = self.graphql(document, variables, WRITE).await?;
        Ok(())
    }

    /// Merges a pull request now, if its branch is still at `head`, by `method`
    /// (`merge`, `squash`, `rebase`); the name of the commit.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); 409 when the branch moved, 405 when it may not be merged.
    pub async fn merge_pull(
        &self,
        number: u64,
        head: &str,
        method: &str,
        message: Option<(&str, &str)>,
    ) -> Result<String, Refused> {
        let mut body = json!({"sha": head, "merge_method": method});
        if let Some((headline, text)) = message {
            body["commit_title"] = headline.into();
            body["commit_message"] = text.into();
        }
        let ask = Ask::put(["pulls", &number.to_string(), "merge"])
            .json(body)
            .needs(CONTENTS);
        self.ask::<Parent>(&ask).await.map(|merged| merged.sha)
    }

    /// Makes a branch anew at a commit that GitHub still has.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); 422 when it is there.
    pub async fn restore_branch(&self, branch: &str, commit: &str) -> Result<(), Refused> {
        let reference = format!("refs/heads/{branch}");
        let ask = Ask::post(["git", "refs"])
            .json(json!({"ref": reference, "sha": commit}))
            .needs(CONTENTS);
        self.tell(&ask).await
    }

    /// Who made a commit, and on what.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn made(&self, commit: &str) -> Result<Made, Refused> {
        let ask = Ask::get(["git", "commits", commit]).needs("contents: read");
        self.ask(&ask).await
    }
}
