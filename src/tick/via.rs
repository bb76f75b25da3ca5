//! How commits reach the branch.

/// How commits reach the branch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Via {
    /// `git push`, a compare-and-swap.
    #[default]
    Git,
    /// GitHub's API makes them, one by one, each a compare-and-swap; GitHub signs
    /// them.
    Api,
    /// A pull request for each Canary, for branches that take no push.
    PullRequest(PullRequests),
}

/// What pull requests are like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullRequests {
    /// Labels they get.
    pub labels: Vec<String>,
    /// How GitHub merges them as soon as the branch's rules allow; `None` leaves it
    /// to people.
    pub auto_merge: Option<Merge>,
}

/// How a pull request is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// A merge commit.
    Merge,
    /// One commit.
    Squash,
    /// The commits on top.
    Rebase,
}
