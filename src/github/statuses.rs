//! The statuses of a commit
//! (`GET /repos/{owner}/{repo}/commits/{ref}/statuses`).

use jiff::Timestamp;
use reqwest::header::LINK;
use serde::Deserialize;
use url::Url;

use super::GitHub;
use crate::error::{Error, Result};
use crate::http::Answer;

/// Statuses of one page; GitHub gives no more.
const PAGE: &str = "100";

/// Most pages: GitHub keeps 1000 statuses of a commit and context.
const PAGES: usize = 10;

/// What somebody reported about a commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CommitStatus {
    /// What it is about: `kustomization/apps/1a2b3c4d`.
    pub context: String,
    /// How it went.
    pub state: State,
    /// In words.
    pub description: Option<String>,
    /// When it was reported.
    pub created_at: Timestamp,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is as it should be.
    Success,
    /// It goes on.
    Pending,
    /// It is not as it should be.
    Failure,
    /// It could not be found out.
    Error,
}

impl GitHub {
    /// Every status of `commit`, the newest first, of all contexts. None when
    /// nobody has reported anything, also about a commit that is not at GitHub
    /// yet.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when the repository is not
    /// known, [`Kind::Remote`](crate::error::Kind::Remote) when GitHub does not
    /// answer, or refuses: its limits, a token that may not.
    pub async fn statuses(&self, commit: &str) -> Result<Vec<CommitStatus>> {
        let mut next = Some(self.statuses_url(commit)?);
        let mut statuses = Vec::new();
        for _ in 0..PAGES {
            let Some(url) = next else { break };
            let Some(answer) = self.get(url).await? else {
                break;
            };
            statuses.extend(parse(&answer)?);
            next = following(&answer).filter(|url| self.is_ours(url));
        }
        // The order of the API, made sure of.
        statuses.sort_by_key(|status| std::cmp::Reverse(status.created_at));
        Ok(statuses)
    }

    fn statuses_url(&self, commit: &str) -> Result<Url> {
        let repository = self.repository()?;
        let mut url = self.settings.api.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("repos");
            path.extend(repository.split('/'));
            path.extend(["commits", commit, "statuses"]);
        }
        url.query_pairs_mut().append_pair("per_page", PAGE);
        Ok(url)
    }

    /// The token goes nowhere else.
    fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.settings.api.origin()
    }
}

fn parse(answer: &Answer) -> Result<Vec<CommitStatus>> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        Error::remote("the answer is not one of GitHub")
            .because(error)
            .hint("is GITHUB_API_URL the API of your GitHub?")
    })
}

/// The address of the next page: `Link: <https://…>; rel="next"`.
fn following(answer: &Answer) -> Option<Url> {
    let links = answer.headers.get(LINK)?.to_str().ok()?;
    let next = links.split(',').find(|link| {
        let mut parameters = link.split(';').skip(1).map(str::trim);
        parameters.any(|parameter| parameter == "rel=\"next\"")
    })?;
    let (_, rest) = next.split_once('<')?;
    let (address, _) = rest.split_once('>')?;
    answer.url.join(address).ok()
}
