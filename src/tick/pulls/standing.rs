//! How the open pull request of a Canary stands to what is decided now.

use sha2::{Digest as _, Sha256};

use super::Round;
use super::marker::{Kind, Marker};
use crate::error::{Error, Result};
use crate::github::PullRequest;
use crate::repo::git::Oid;
use crate::repo::rollout::Rollout;
use crate::repo::trailers;
use crate::tick::Decided;

/// An open pull request that nobody but Weirkeeper pushed to.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) pull: PullRequest,
    /// `None` when somebody took it out.
    pub(super) marker: Option<Marker>,
    /// The commit of its branch.
    pub(super) head: Oid,
}

/// How the open pull request of a Canary stands to what is decided now.
#[derive(Debug)]
pub(super) enum Standing {
    /// There is none.
    Free,
    /// It waits to be merged, and nothing else is known that is against it.
    Waits(Open),
    /// It does not build on what there is now, for this reason: it is decided anew.
    Stale(Open, &'static str),
    /// A person said it, and it cannot be merged any more.
    Conflicts(Open),
    /// It is not ours to change.
    Taken(PullRequest, Error),
    /// Nobody can tell.
    Unknown(PullRequest, Error),
}

impl Round<'_> {
    pub(super) async fn standing(&self, decided: &Decided) -> Standing {
        let id = &decided.outcome.canary;
        let Some(pull) = self.known.open(id) else {
            return Standing::Free;
        };
        let pull = pull.clone();
        match self.look_at(id, &pull, decided).await {
            Ok(standing) => standing,
            Err(error) => Standing::Unknown(pull, error),
        }
    }

    async fn look_at(&self, id: &str, pull: &PullRequest, decided: &Decided) -> Result<Standing> {
        let (number, base) = (pull.number, self.world.branch.name());
        if pull.base.name != base {
            let error = Error::remote(format!(
                "pull request #{number} from {} goes to {}, not to {base}",
                pull.head.name, pull.base.name
            ))
            .hint(format!(
                "set its base to {base}, or close it: a Canary has one pull request at a time"
            ));
            return Ok(Standing::Taken(pull.clone(), error));
        }
        let marker = Marker::of(pull).filter(|marker| marker.canary == id);
        let (head, is_named) = self.head(pull, marker.as_ref())?;
        if !is_named && !self.is_ours(&head.to_string(), id).await? {
            let error = Error::remote(format!(
                "somebody pushed to {}, the branch of pull request #{number}",
                pull.head.name
            ))
            .hint(
                "merge or close the pull request; after that delete its branch: Weirkeeper \
                 overwrites no commits of others",
            );
            return Ok(Standing::Taken(pull.clone(), error));
        }
        let open = Open {
            pull: pull.clone(),
            marker: marker.clone(),
            head,
        };
        let Some(marker) = marker.filter(|_| is_named) else {
            return Ok(Standing::Stale(open, "it was not finished"));
        };
        if marker.word {
            return Ok(match self.mergeable(&marker, number).await?.as_deref() {
                Some("dirty") => Standing::Conflicts(open),
                Some(_) | None => Standing::Waits(open),
            });
        }
        let Some((rollout, plan)) = &decided.work else {
            return Ok(Standing::Waits(open));
        };
        if marker.documents != self.documents(rollout)? {
            return Ok(Standing::Stale(open, "what it was decided on has changed"));
        }
        let kind = Kind::of(plan);
        if marker.kind == Kind::Halt && kind == Kind::Step && !plan.is_empty() {
            return Ok(Standing::Stale(open, "the checks pass again"));
        }
        Ok(match self.mergeable(&marker, number).await?.as_deref() {
            Some("dirty") => Standing::Stale(open, "it conflicts with the branch"),
            Some("behind") => Standing::Stale(open, "it is behind the branch"),
            Some(_) | None => Standing::Waits(open),
        })
    }

    /// What GitHub says of merging it; asked only where the branch moved since.
    async fn mergeable(&self, marker: &Marker, number: u64) -> Result<Option<String>> {
        if marker.base == self.base.to_string() {
            return Ok(None);
        }
        Ok(self.world.github.pull(number).await?.mergeable_state)
    }

    /// The commit of the branch, and whether the marker names it. What Git said was
    /// asked for before what GitHub said, and GitHub may be late.
    fn head(&self, pull: &PullRequest, marker: Option<&Marker>) -> Result<(Oid, bool)> {
        let by_api = Oid::from_str(&pull.head.sha)
            .map_err(|error| Error::remote("GitHub named no commit").because(error))?;
        let by_git = self.known.branches.get(&pull.head.name).copied();
        let named = marker.and_then(|marker| Oid::from_str(&marker.commit).ok());
        Ok(match named {
            Some(named) if Some(named) == by_git || named == by_api => (named, true),
            Some(_) | None => (by_git.unwrap_or(by_api), false),
        })
    }

    /// Did Weirkeeper make this commit, in whoever's name? It has the trailers of a
    /// step of the Canary, its author made it in the same second, and whoever amends
    /// it is another committer.
    ///
    /// # Errors
    /// When GitHub does not answer.
    pub(super) async fn is_ours(&self, commit: &str, canary: &str) -> Result<bool> {
        let made = self.world.github.made(commit).await?;
        let trailers = trailers::parse(&made.message);
        let says = |wanted: &str| trailers.iter().any(|(key, _)| key == wanted);
        let names = |(key, value): &(String, String)| key == "Canary" && value == canary;
        Ok(made.parents.len() == 1
            && made.author == made.committer
            && trailers.iter().any(names)
            && ["Iterations", "Failed-Checks"].into_iter().all(says))
    }

    /// Checksum of the documents that a step of `rollout` is decided on and written
    /// into, and of what keeps it from advancing.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn documents(&self, rollout: &Rollout) -> Result<String> {
        let mut paths = rollout.applied_paths();
        paths.insert(rollout.manifest.path().to_owned());
        let mut hash = Sha256::new();
        for path in paths {
            let text = self.tree.inventory.files().read(&path)?;
            hash.update(format!(
                "{path}\n{:?}\n",
                text.as_ref().map(|text| text.len())
            ));
            hash.update(text.unwrap_or_default());
        }
        hash.update(self.tree.frozen().unwrap_or_default());
        Ok(hex(&hash.finalize()))
    }
}

/// Checksum of the state that a step of `rollout` begins with.
///
/// # Errors
/// When it cannot be written as YAML.
pub(super) fn before(rollout: &Rollout) -> Result<String> {
    let status = rollout.manifest.value.get("status");
    let text = serde_yaml::to_string(&status)
        .map_err(|error| Error::internal("cannot write a status").because(error))?;
    Ok(hex(&Sha256::digest(text.as_bytes())))
}

/// Enough digits to tell states apart.
fn hex(hash: &[u8]) -> String {
    hash.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
