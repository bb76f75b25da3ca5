//! Opening a repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use git2::Oid;

use url::Url;

use super::branch::Branch;
use super::clean::Memory;
use super::files::Files;
use super::objects::Objects;
use super::options::GitOptions;
use super::process::{Answer, Call};
use super::sign::Signer;
use crate::error::{Error, Result};

/// First Git that takes configuration from the environment, which is how a token reaches it.
const OLDEST_GIT: (u32, u32) = (2, 31);

/// A Git repository on disk: bare or with a work tree, a linked work tree, shallow, sparse, partial.
#[derive(Debug)]
pub struct Repository {
    pub(super) options: GitOptions,
    pub(super) settings: Settings,
    /// Where `git` runs: the work tree, else the Git folder.
    pub(super) home: PathBuf,
    work_dir: Option<PathBuf>,
    objects: PathBuf,
    shallow: bool,
    memory: Arc<Memory>,
    /// Who signs the commits that are made here.
    pub(super) signer: Option<Signer>,
}

/// What the configuration says about remotes and branches.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// Names, in alphabetical order.
    pub(super) remotes: Vec<String>,
    /// Remote to where its commits are shown.
    pub(super) links: BTreeMap<String, Url>,
    /// Branch to its remote.
    pub(super) upstream: BTreeMap<String, String>,
    /// Remotes that hold objects this clone was made without.
    pub(super) promisors: Vec<String>,
    /// The user chose the SSH command.
    pub(super) ssh: bool,
}

/// What `rev-parse` says about the repository around a folder.
struct Found {
    git_dir: PathBuf,
    common_dir: PathBuf,
    objects: PathBuf,
    shallow: bool,
    work_dir: Option<PathBuf>,
}

impl Repository {
    /// Finds the repository around `dir`, as `git` does.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::error::Kind::Usage) when there is none, when it belongs to somebody else
    /// (`safe.directory`), stores SHA-256 objects, or when Git is too old.
    pub async fn open(dir: &Path, options: GitOptions) -> Result<Self> {
        let metadata = fs_err::metadata(dir).map_err(|error| {
            Error::usage("cannot open the repository")
                .because(error)
                .hint("give its folder with --repo")
        })?;
        if !metadata.is_dir() {
            return Err(Error::usage(format!("{} is not a folder", dir.display()))
                .hint("give the folder of the repository with --repo"));
        }
        let (version, place, settings) = tokio::try_join!(
            options.run(dir, Call::new(["version"])),
            options.run(dir, questions()),
            options.run(dir, Call::new(["config", "-z", "--get-regexp", SETTINGS])),
        )?;
        check_version(&version.text())?;
        let Found {
            git_dir,
            common_dir,
            objects,
            shallow,
            work_dir,
        } = locate(dir, place)?;
        let repository = Self {
            home: work_dir.clone().unwrap_or(git_dir),
            settings: Settings::parse(&String::from_utf8_lossy(&settings.stdout)),
            options,
            work_dir,
            objects,
            shallow,
            memory: Arc::new(Memory::new(&common_dir)),
            signer: None,
        };
        repository.objects().map(|_| repository)
    }

    /// The folder with the checked-out files; a bare repository has none.
    #[must_use]
    pub fn work_dir(&self) -> Option<&Path> {
        self.work_dir.as_deref()
    }

    /// Whether the history ends early (`--depth`).
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        self.shallow
    }

    /// Whether objects are missing here on purpose (`--filter`).
    #[must_use]
    pub fn is_partial(&self) -> bool {
        !self.settings.promisors.is_empty()
    }

    /// The files of `commit`, each readable: what a partial clone was made without is fetched.
    ///
    /// # Errors
    ///
    /// [`Document`](crate::error::Kind::Document) for a broken `.weirkeeperignore`;
    /// [`Remote`](crate::error::Kind::Remote) when an object is missing and cannot be fetched.
    pub async fn files(&self, commit: Oid) -> Result<Files> {
        if self.is_partial() {
            self.fetch_missing(commit).await?;
        }
        Files::remembering(&self.objects, commit, self.memory())
    }

    /// Looks through the commit that `branch` was at when it was last seen here. After a fetch only
    /// what is new since is left to look at, so the two are best done at the same time.
    pub async fn look_ahead(&self, branch: &Branch) {
        if self.memory().is_none() {
            return;
        }
        let (fetched, local) = (branch.fetched(), branch.reference());
        let call = Call::new(["rev-parse", "--revs-only", &local, &fetched, "HEAD"]);
        let Ok(answer) = self.git(call).await else {
            return;
        };
        let text = answer.text();
        let Some(Ok(tip)) = text.lines().next().map(Oid::from_str) else {
            return;
        };
        let (objects, memory) = (self.objects.clone(), self.memory());
        let look = move || {
            Files::remembering(&objects, tip, memory)?
                .naming_group()
                .map(drop)
        };
        // What is wrong will be said by the one who needs it.
        if let Ok(Err(error)) = tokio::task::spawn_blocking(look).await {
            tracing::debug!(%error, "cannot look ahead");
        }
    }

    /// A partial clone has none: there, being clean does not mean being here.
    fn memory(&self) -> Option<Arc<Memory>> {
        (!self.is_partial()).then(|| Arc::clone(&self.memory))
    }

    /// The object database, opened anew: a handle is for one thread.
    pub(super) fn objects(&self) -> Result<Objects> {
        Objects::open(&self.objects)
    }

    pub(super) fn objects_path(&self) -> &Path {
        &self.objects
    }

    /// Runs `git` in this repository.
    pub(super) async fn git(&self, call: Call) -> Result<Answer> {
        self.options.run(&self.home, call).await
    }
}

/// The settings that are read, none of which is secret.
const SETTINGS: &str =
    r"^(branch\..*\.remote|remote\..*\.(url|promisor)|core\.sshcommand|extensions\.partialclone)$";

fn questions() -> Call {
    Call::new([
        "rev-parse",
        "--path-format=absolute",
        "--git-dir",
        "--git-common-dir",
        "--git-path",
        "objects",
        "--is-shallow-repository",
        "--show-object-format=storage",
        "--is-inside-work-tree",
        // Last, for a bare repository prints no line for it.
        "--show-cdup",
    ])
}

fn check_version(text: &str) -> Result<()> {
    let number = text.trim_start_matches("git version ");
    let mut parts = number.split('.').map_while(|part| part.parse::<u32>().ok());
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if version >= OLDEST_GIT {
        return Ok(());
    }
    Err(Error::usage(format!("`{text}` is too old")).hint("install Git 2.31 or newer"))
}

fn locate(dir: &Path, answer: Answer) -> Result<Found> {
    if !answer.success {
        return Err(explain(dir, &answer));
    }
    let text = answer.text();
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let [git_dir, common_dir, objects] = [next(), next(), next()].map(PathBuf::from);
    let shallow = next() == "true";
    let format = next();
    if format != "sha1" {
        return Err(Error::usage(format!(
            "{} stores its objects by {format}, which is not supported",
            dir.display()
        ))
        .hint("use a repository with SHA-1 object names, Git's default"));
    }
    let work_dir = if next() == "true" {
        let top = fs_err::canonicalize(dir.join(next()))
            .map_err(|error| Error::usage("cannot open the work tree").because(error))?;
        Some(top)
    } else {
        None
    };
    Ok(Found {
        git_dir,
        common_dir,
        objects,
        shallow,
        work_dir,
    })
}

/// Why Git does not take `dir` for a repository.
fn explain(dir: &Path, answer: &Answer) -> Error {
    let shown = dir.display();
    let complaint = answer.complaint();
    if complaint.contains("dubious ownership") {
        let folder = fs_err::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        let command = format!(
            "git config --global --add safe.directory '{}'",
            folder.display()
        );
        return Error::usage(format!("{shown} belongs to another user"))
            .because(complaint)
            .hint(format!("if you trust it, run `{command}`"));
    }
    if complaint.contains("not a git repository") {
        return Error::usage(format!("{shown} is not in a Git repository"))
            .hint("give its folder with --repo; in a workflow, actions/checkout comes first");
    }
    Error::usage(format!("cannot open the repository {shown}")).because(complaint)
}

impl Settings {
    /// Reads `config -z`: the key, a line break, the value, NUL.
    fn parse(text: &str) -> Self {
        let mut settings = Self::default();
        for entry in text.split('\0').filter(|entry| !entry.is_empty()) {
            // A key without a value means true.
            let (key, value) = entry.split_once('\n').unwrap_or((entry, "true"));
            let (section, rest) = key.split_once('.').unwrap_or((key, ""));
            let (name, field) = rest.rsplit_once('.').unwrap_or(("", rest));
            match (section, field) {
                ("branch", "remote") => {
                    settings.upstream.insert(name.into(), value.into());
                }
                ("remote", "url") => {
                    settings.remotes.push(name.into());
                    if let Some(link) = super::link::commits(value) {
                        // Of several addresses the first one is fetched from.
                        settings.links.entry(name.into()).or_insert(link);
                    }
                }
                ("remote", "promisor") if value == "true" => settings.promisors.push(name.into()),
                ("extensions", "partialclone") => settings.promisors.push(value.into()),
                ("core", "sshcommand") => settings.ssh = true,
                _ => {}
            }
        }
        for names in [&mut settings.remotes, &mut settings.promisors] {
            names.sort();
            names.dedup();
        }
        settings
    }
}
