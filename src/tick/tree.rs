//! What a run judges: the documents of one commit, or of the work tree.

use super::applied::Cluster;
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
        })
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
