//! The demo's GitOps repository: a clone and its bare remote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tokio::process::Command;
use url::Url;

use crate::commands::git_options;
use crate::error::{Error, Result};
use crate::github::GitHub;
use crate::notify::Notifier;
use crate::observe::Observer;
use crate::repo::branch::Branch;
use crate::repo::git::Repository;
use crate::repo::push::Pushed;
use crate::repo::{GitOptions, Signature};
use crate::settings::{
    CloudSettings, Credentials, Environment, GithubSettings, MetricsSettings, NotifySettings,
    Secrets, Settings,
};
use crate::{Via, World};

/// What the repository begins with.
const FILES: [(&str, &str); 5] = [
    (
        "apps/podinfo/kustomization.yaml",
        include_str!("../../../fixtures/demo/apps/podinfo/kustomization.yaml"),
    ),
    (
        DEPLOYMENT,
        include_str!("../../../fixtures/demo/apps/podinfo/deployment.yaml"),
    ),
    (
        "apps/podinfo/service.yaml",
        include_str!("../../../fixtures/demo/apps/podinfo/service.yaml"),
    ),
    (
        "apps/podinfo/route.yaml",
        include_str!("../../../fixtures/demo/apps/podinfo/route.yaml"),
    ),
    (
        "apps/podinfo/canary.yaml",
        include_str!("../../../fixtures/demo/apps/podinfo/canary.yaml"),
    ),
];

/// The file that a release changes.
const DEPLOYMENT: &str = "apps/podinfo/deployment.yaml";

/// The image, up to its tag.
const IMAGE: &str = "example.com/podinfo:";

const BRANCH: &str = "main";

const REMOTE: &str = "origin";

/// Longest time one `git` may take.
const GIT_LIMIT: Duration = Duration::from_secs(30);

/// A clone and its bare remote in one folder.
pub(super) struct DemoRepository {
    folder: PathBuf,
    git: GitOptions,
}

impl DemoRepository {
    /// Makes the repository in `dir`, which must not exist or be empty, or in
    /// a new temporary folder that is left for the user to look at.
    pub(super) async fn create(
        dir: Option<&Path>,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Self> {
        let failed =
            |error: std::io::Error| Error::usage("the demo's folder cannot be made").because(error);
        let folder = match dir {
            Some(dir) => {
                fs_err::create_dir_all(dir).map_err(failed)?;
                if fs_err::read_dir(dir).map_err(failed)?.next().is_some() {
                    return Err(Error::usage(format!("{} is not empty", dir.display()))
                        .hint("give --dir a new folder"));
                }
                fs_err::canonicalize(dir).map_err(failed)?
            }
            None => tempfile::Builder::new()
                .prefix("weirkeeper-demo-")
                .tempdir()
                .map_err(failed)?
                .keep(),
        };
        let demo = Self {
            folder,
            git: git_without_user_settings(settings),
        };
        for (path, text) in FILES {
            let path = demo.path().join(path);
            if let Some(parent) = path.parent() {
                fs_err::create_dir_all(parent).map_err(failed)?;
            }
            fs_err::write(path, text).map_err(failed)?;
        }
        let (clone, remote) = (demo.path(), demo.remote());
        let remote = remote.to_string_lossy();
        let branch = format!("--initial-branch={BRANCH}");
        demo.git(
            &demo.folder,
            &["init", "--quiet", "--bare", &branch, &remote],
            now,
        )
        .await?;
        demo.git(&clone, &["init", "--quiet", &branch], now).await?;
        demo.git(&clone, &["remote", "add", REMOTE, &remote], now)
            .await?;
        demo.git(&clone, &["add", "--all"], now).await?;
        let message = "Run podinfo 6.0.0 with progressive delivery";
        demo.git(&clone, &["commit", "--quiet", "--message", message], now)
            .await?;
        let push = ["push", "--quiet", "--set-upstream", REMOTE, BRANCH];
        demo.git(&clone, &push, now).await?;
        Ok(demo)
    }

    /// The clone.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("repository")
    }

    /// The bare remote.
    pub(super) fn remote(&self) -> PathBuf {
        self.folder.join("remote.git")
    }

    /// Commits a new version of the image, as a person would.
    pub(super) async fn release(&self, version: &str, now: Timestamp) -> Result<()> {
        let repository = self.open().await?;
        let branch = Branch::new(BRANCH)?;
        let tip = repository.fetch(&branch, REMOTE).await?;
        let source = repository.files(tip).await?.source(DEPLOYMENT)?;
        let source = source.ok_or_else(|| Error::internal("the demo lost its Deployment"))?;
        let lines = source
            .text
            .split_inclusive('\n')
            .map(|line| match line.split_once(IMAGE) {
                Some((before, _)) => format!("{before}{IMAGE}{version}\n"),
                None => line.to_owned(),
            });
        let changes = BTreeMap::from([(DEPLOYMENT.to_owned(), Some(lines.collect()))]);
        let author = person(now);
        let message = format!("Release podinfo {version}\n");
        let commit = repository.commit(tip, &changes, &message, &author).await?;
        let commit = commit.ok_or_else(|| Error::internal("the demo's release changes nothing"))?;
        match repository.push(&branch, REMOTE, tip, commit).await? {
            Pushed::Done => repository.update_local(&branch, commit).await.map(drop),
            Pushed::Moved => Err(Error::internal("somebody else uses the demo's repository")),
            Pushed::Refused(error) => Err(error),
        }
    }

    /// Who answers questions.
    pub(super) fn observer(prometheus: Url) -> Observer {
        Observer::new(MetricsSettings {
            default: Some(prometheus),
            replaced: BTreeMap::new(),
            credentials: Credentials::default(),
            timeout: Duration::from_secs(5),
            secrets: Secrets::default(),
            cloud: CloudSettings::default(),
            trusts_documents: false,
            asks_only_named: false,
        })
    }

    /// What a run at `now` works with.
    pub(super) async fn world(&self, now: Timestamp) -> Result<World> {
        Ok(World {
            repository: self.open().await?,
            branch: Branch::new(BRANCH)?,
            remote: Some(REMOTE.to_owned()),
            via: Via::Git,
            github: GitHub::new(GithubSettings::new(&Environment::default(), None)?),
            notifier: Notifier::new(NotifySettings::default()),
            deployments: None,
            dry_run: false,
            author: Signature {
                name: "weirkeeper[bot]".to_owned(),
                ..person(now)
            },
            deadline: Duration::from_secs(60),
        })
    }

    /// The history with the trailers of the steps.
    pub(super) async fn log(&self) -> Result<String> {
        const FORMAT: &str =
            "--format=%C(auto)%h %s%n%(trailers:separator=%x20 ,key_value_separator=%x3d)";
        let log = ["log", "--graph", FORMAT];
        self.git(&self.path(), &log, Timestamp::UNIX_EPOCH).await
    }

    async fn open(&self) -> Result<Repository> {
        Repository::open(&self.path(), self.git.clone()).await
    }

    /// Runs `git` in `folder` and returns what it prints.
    async fn git(&self, folder: &Path, arguments: &[&str], now: Timestamp) -> Result<String> {
        let name = arguments.first().copied().unwrap_or_default();
        let failed = |why: String| Error::usage(format!("`git {name}` failed")).because(why);
        let mut command = Command::new(&self.git.git);
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(self.git.environment.iter().cloned())
            .envs(dates(now))
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(GIT_LIMIT, command.output())
            .await
            .map_err(|_elapsed| failed("it did not end in time".to_owned()))?
            .map_err(|error| failed(error.to_string()).hint("is git installed?"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(failed(
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            )),
        }
    }
}

/// `git` as if on a fresh machine: the user's settings play no part.
fn git_without_user_settings(settings: &Settings) -> GitOptions {
    let person = person(Timestamp::UNIX_EPOCH);
    let mut git = git_options(&Settings {
        token: None,
        environment: Environment::new(
            settings
                .environment
                .iter()
                .filter(|(name, _)| !name.starts_with("GIT_"))
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
        ..settings.clone()
    });
    let fixed = [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", &person.name),
        ("GIT_AUTHOR_EMAIL", &person.email),
        ("GIT_COMMITTER_NAME", &person.name),
        ("GIT_COMMITTER_EMAIL", &person.email),
    ];
    git.environment
        .extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
    git
}

fn dates(now: Timestamp) -> [(&'static str, String); 2] {
    ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"].map(|name| (name, now.to_string()))
}

/// Somebody who releases.
fn person(time: Timestamp) -> Signature {
    Signature {
        name: "Robin".to_owned(),
        email: "robin@example.com".to_owned(),
        time,
    }
}
