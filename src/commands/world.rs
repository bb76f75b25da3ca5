//! From options to the [`World`] that a run works with.

use url::Url;

use super::git_options;
use crate::cli::{self, AutoMerge, CommitVia};
use crate::error::{Error, Result};
use crate::github::GitHub;
use crate::notify::Notifier;
use crate::repo::Signature;
use crate::repo::branch::Branch;
use crate::repo::git::Repository;
use crate::settings::{GithubSettings, NotifySettings, Secrets, Settings, duration};
use crate::{Deployments, Merge, PullRequests, Via, World};

/// A repository and where its commits go.
pub(super) struct Opened<'a> {
    pub(super) repository: Repository,
    pub(super) branch: Branch,
    remote: Option<String>,
    commits: Option<Url>,
    options: &'a cli::Commit,
    settings: &'a Settings,
}

impl<'a> Opened<'a> {
    /// Opens the repository that `options` and `settings` name.
    pub(super) async fn open(options: &'a cli::Commit, settings: &'a Settings) -> Result<Self> {
        let mut repository = Repository::open(&settings.repo, git_options(settings)).await?;
        if let Some(key) = options.sign_key() {
            if options.via() == CommitVia::Api {
                return Err(
                    Error::usage("--sign-key has no use with --commit-via api")
                        .hint("GitHub signs these commits itself; leave out the key, or use --commit-via git"),
                );
            }
            repository = repository.signed_with(key).await?;
        }
        let branch = options.branch.as_deref().filter(|name| !name.is_empty());
        let branch = repository.branch(branch).await?;
        let remote = match options.no_push {
            true => None,
            false => repository.remote_for(&branch),
        };
        let commits = remote
            .as_deref()
            .and_then(|remote| repository.commits_link(remote));
        Ok(Self {
            repository,
            branch,
            remote,
            commits,
            options,
            settings,
        })
    }

    /// The world of a run by `author`.
    pub(super) fn world(
        self,
        author: Signature,
        notify: &cli::Notify,
        secrets: Secrets,
        deadline: &str,
    ) -> Result<World> {
        let environment = &self.settings.environment;
        let github = GithubSettings::new(environment, self.commits.clone())?;
        self.check_via(&github)?;
        let mut notify = NotifySettings::new(notify, secrets, environment, self.commits)?;
        if self.remote.is_none() {
            // Nobody would find the commit there.
            notify.commits = None;
        }
        // GitHub does not know a commit that stays here.
        let deployments = (self.options.deployments && self.remote.is_some()).then(|| {
            let runner = self.settings.github.as_ref();
            let log = runner.and_then(|runner| runner.run_url.clone());
            Deployments { log }
        });
        Ok(World {
            deployments,
            repository: self.repository,
            branch: self.branch,
            remote: self.remote,
            via: via(self.options)?,
            github: GitHub::new(github),
            notifier: Notifier::new(notify),
            dry_run: self.options.dry_run,
            author,
            deadline: duration("--deadline", deadline)?,
        })
    }
}

impl Opened<'_> {
    /// Whoever commits through GitHub has to know where, and be let in.
    fn check_via(&self, github: &GithubSettings) -> Result<()> {
        let way = match self.options.via() {
            CommitVia::Git => return Ok(()),
            CommitVia::Api => "--commit-via api",
            CommitVia::PullRequest => "--commit-via pull-request",
        };
        if self.options.no_push || self.options.dry_run {
            return Ok(());
        }
        if self.remote.is_none() {
            return Err(
                Error::usage(format!("{way} needs a remote, and there is none"))
                    .hint("add the repository at GitHub as the remote `origin`, or use --no-push"),
            );
        }
        if github.repository.is_none() {
            return Err(
                Error::usage(format!("{way} needs to know the repository at GitHub"))
                    .hint("set GITHUB_REPOSITORY to OWNER/NAME, or use a remote at GitHub"),
            );
        }
        if github.token.is_none() {
            return Err(Error::usage(format!("{way} needs a token"))
                .hint("give one in WEIRKEEPER_TOKEN or GITHUB_TOKEN; it needs `contents: write`"));
        }
        Ok(())
    }
}

/// What the options say about the way of the commits.
fn via(options: &cli::Commit) -> Result<Via> {
    let way = options.via();
    let of_pulls = options.labels().next().map(|_| "--label");
    let of_pulls = of_pulls.or(options.auto_merge().map(|_| "--auto-merge"));
    if let (Some(option), true) = (of_pulls, way != CommitVia::PullRequest) {
        return Err(Error::usage(format!("{option} is about pull requests"))
            .hint("add --commit-via pull-request, or leave it out"));
    }
    Ok(match way {
        CommitVia::Git => Via::Git,
        CommitVia::Api => Via::Api,
        CommitVia::PullRequest => Via::PullRequest(PullRequests {
            labels: options.labels().map(str::to_owned).collect(),
            auto_merge: options.auto_merge().map(|method| match method {
                AutoMerge::Merge => Merge::Merge,
                AutoMerge::Squash => Merge::Squash,
                AutoMerge::Rebase => Merge::Rebase,
            }),
        }),
    })
}
