//! The commits of a branch, and making one: GraphQL `createCommitOnBranch`,
//! `GET /repos/{owner}/{repo}/commits`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, GitHub, Refused};

/// Makes a commit. GitHub signs it.
const CREATE: &str = include_str!("create_commit_on_branch.graphql");

/// How many commits of a branch are looked at, from its tip.
const RECENT: &str = "30";

/// A commit that GitHub is to make on the tip of a branch. Every file that is
/// written becomes a plain one, 100644: the API knows no other mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit<'a> {
    /// `main`, without `refs/heads/`.
    pub branch: &'a str,
    /// The tip it builds on: is the branch anywhere else, nothing happens.
    pub expected: &'a str,
    /// Why; the first line is the headline.
    pub message: &'a str,
    /// Path and content of files that are new or change.
    pub additions: Vec<(&'a str, &'a [u8])>,
    /// Paths of files that go.
    pub deletions: Vec<&'a str>,
}

/// A commit of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchCommit {
    /// Its name.
    pub name: String,
    /// The names of those it builds on.
    pub parents: Vec<String>,
    /// The name of everything it holds.
    pub tree: String,
    /// Why.
    pub message: String,
}

impl NewCommit<'_> {
    /// The input of the mutation.
    fn input(&self, repository: &str) -> Value {
        let (headline, body) = self.message.split_once('\n').unwrap_or((self.message, ""));
        let mut message = json!({"headline": headline});
        let body = body.trim_matches('\n');
        if !body.is_empty() {
            message["body"] = json!(body);
        }
        let additions = self.additions.iter();
        let additions: Vec<Value> = additions
            .map(|(path, content)| json!({"path": path, "contents": BASE64.encode(content)}))
            .collect();
        let deletions = self.deletions.iter();
        let deletions: Vec<Value> = deletions.map(|path| json!({"path": path})).collect();
        json!({
            "branch": {"repositoryNameWithOwner": repository, "branchName": self.branch},
            "expectedHeadOid": self.expected,
            "message": message,
            "fileChanges": {"additions": additions, "deletions": deletions},
        })
    }
}

impl Refused {
    /// Is the branch not where it was expected?
    #[must_use]
    pub fn is_stale(&self) -> bool {
        // An older Enterprise server gives no type.
        self.has("STALE_DATA")
            || self
                .said
                .to_lowercase()
                .contains("expected branch to point to")
    }
}

impl GitHub {
    /// Makes a commit on the tip of a branch, and returns its name. Nothing happens
    /// when the branch is not where it is expected ([`Refused::is_stale`]).
    ///
    /// # Errors
    /// [`Refused`]; one that [is uncertain](Refused::is_uncertain) may have made it.
    pub async fn commit_on_branch(&self, commit: &NewCommit<'_>) -> Result<String, Refused> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            create_commit_on_branch: Created,
        }
        #[derive(Deserialize)]
        struct Created {
            commit: Named,
        }
        #[derive(Deserialize)]
        struct Named {
            oid: String,
        }
        let variables = json!({"input": commit.input(self.repository()?)});
        let data: Data = self.graphql(CREATE, variables, "contents: write").await?;
        Ok(data.create_commit_on_branch.commit.oid)
    }

    /// The last commits of `branch`, the newest first.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn last_commits(&self, branch: &str) -> Result<Vec<BranchCommit>, Refused> {
        #[derive(Deserialize)]
        struct Entry {
            sha: String,
            parents: Vec<Named>,
            commit: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            message: String,
            tree: Named,
        }
        #[derive(Deserialize)]
        struct Named {
            sha: String,
        }
        let ask = Ask::get(["commits"])
            .query("sha", branch)
            .query("per_page", RECENT)
            .needs("contents: read");
        let entries: Vec<Entry> = self.ask(&ask).await?;
        let commits = entries.into_iter().map(|entry| BranchCommit {
            name: entry.sha,
            parents: entry.parents.into_iter().map(|named| named.sha).collect(),
            tree: entry.commit.tree.sha,
            message: entry.commit.message,
        });
        Ok(commits.collect())
    }
}
