//! What a run judges: the documents of one commit, or of the work tree.

use jiff::Timestamp;

use super::applied::Cluster;
use crate::api::Phase;
use crate::decide::Facts;
use crate::error::Result;
use crate::render;
use crate::repo::inventory::Inventory;
use crate::repo::rollout::Rollout;

/// See the module.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    /// The documents.
    pub(crate) inventory: Inventory,
    /// Who knows what the cluster runs of them; nobody, outside of Git.
    pub(crate) cluster: Option<Cluster<'a>>,
    frozen: Option<String>,
    /// Do steps count from when they reached the branch, because they wait to be
    /// merged?
    pub(super) steps_are_merged: bool,
}

impl<'a> Tree<'a> {
    /// The documents of `inventory`.
    ///
    /// # Errors
    /// When the freeze file is there and cannot be read.
    pub(crate) fn new(inventory: Inventory, cluster: Option<Cluster<'a>>) -> Result<Self> {
        Ok(Self {
            frozen: inventory.files().frozen()?,
            inventory,
            cluster,
            steps_are_merged: false,
        })
    }

    /// Why every rollout is frozen; `None` when it is not.
    pub(super) fn frozen(&self) -> Option<&str> {
        self.frozen.as_deref()
    }

    /// A step that waited to be merged counts from when it was: `lastStepTime` of
    /// `rollout` becomes that time, at most `now`.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub(super) async fn count_from_merge(
        &self,
        rollout: &mut Rollout,
        now: Timestamp,
    ) -> Result<()> {
        let (true, Some(cluster)) = (self.steps_are_merged, &self.cluster) else {
            return Ok(());
        };
        let Some(status) = &mut rollout.canary.status else {
            return Ok(());
        };
        let waits = status.phase.is_some_and(Phase::is_active) || !status.deferred.is_empty();
        let Some(taken) = status.last_step_time.filter(|_| waits) else {
            return Ok(());
        };
        let line = format!("{taken}");
        let writes = |text: &str| {
            let lines = text.lines().filter(|text| text.contains("lastStepTime"));
            lines.filter(|text| text.contains(&line)).count()
        };
        let path = rollout.manifest.path();
        let merged = cluster.history().since_when(path, taken, writes).await?;
        let merged = merged.unwrap_or(taken).min(now);
        status.last_step_time = Some(merged.max(taken));
        Ok(())
    }

    /// What these documents say about a Canary.
    ///
    /// # Errors
    /// As [`render::facts`].
    pub(crate) fn facts(&self, rollout: &Rollout) -> Result<Facts> {
        let mut facts = render::facts(rollout)?;
        facts.frozen.clone_from(&self.frozen);
        Ok(facts)
    }
}
