//! What a rollout acts on.

use serde_yaml::Value;

use crate::api::{Canary, FieldPath};
use crate::repo::manifest::Manifest;

/// Label keys that may tell the target's pods apart, in order of preference
/// (Flagger: `-selector-labels`).
pub const SELECTOR_LABELS: [&str; 3] = ["app", "name", "app.kubernetes.io/name"];

/// How the primary gets what the target runs (`spec.gitops.promotion.mode`).
#[derive(Debug)]
pub enum Release {
    /// The primary is made from the target, and its pod template copied.
    Copy(Box<Copied>),
    /// People own both sides; named fields are copied.
    Fields(Fields),
}

impl Release {
    /// What mode `copy` acts on.
    #[must_use]
    pub fn copied(&self) -> Option<&Copied> {
        match self {
            Self::Copy(copied) => Some(copied),
            Self::Fields(_) => None,
        }
    }
}

/// What mode `copy` acts on.
#[derive(Debug)]
pub struct Copied {
    /// The workload under release.
    pub target: Manifest,
    /// The target as its kustomizations build it: with their patches and images.
    pub built: Value,
    /// The workload that serves stable traffic, once it is created.
    pub primary: Option<Manifest>,
    /// The ConfigMaps and Secrets that are tracked, by kind and name.
    pub configs: Vec<Config>,
    /// The autoscaler of `spec.autoscalerRef`.
    pub scaler: Option<Scaler>,
    /// Entries of `images` in the home kustomization that concern the target.
    pub images: Vec<ImageEntry>,
}

/// A ConfigMap or Secret that the target uses, and its copy for the primary.
#[derive(Debug)]
pub struct Config {
    /// `ConfigMap` or `Secret`.
    pub kind: String,
    /// Its name as the pod template says it.
    pub name: String,
    /// The object as it is built, also one that a generator makes.
    pub built: Value,
    /// Where it stands; `None` when a generator makes it.
    pub manifest: Option<Manifest>,
    /// `<name>-primary`, once it is created.
    pub primary: Option<Manifest>,
}

/// An autoscaler, and its copy for the primary.
#[derive(Debug)]
pub struct Scaler {
    /// The target's.
    pub manifest: Manifest,
    /// The same as its kustomizations build it.
    pub built: Value,
    /// The primary's, once it is created.
    pub primary: Option<Manifest>,
}

/// An item of `images` in the home kustomization that sets an image of the
/// target. It would set the primary's, too: that one has a name of its own,
/// `<name>-primary`, and an entry that gives it the promoted image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageEntry {
    /// `name`: the image as the target's manifest names it, without tag.
    pub name: String,
    /// Position in `images`.
    pub index: usize,
    /// Position of the entry for `<name>-primary`, once there is one.
    pub primary: Option<usize>,
}

/// What mode `fields` copies.
#[derive(Debug)]
pub struct Fields {
    /// In the order of `spec.gitops.promotion.fields`.
    pub pairs: Vec<FieldPair>,
}

/// One field to copy.
#[derive(Debug)]
pub struct FieldPair {
    /// The canary's.
    pub from: FieldSite,
    /// The primary's.
    pub to: FieldSite,
}

/// A field of a document.
#[derive(Debug)]
pub struct FieldSite {
    /// The document.
    pub manifest: Manifest,
    /// The field; items chosen by name are positions now.
    pub path: FieldPath,
    /// What it holds; `None` when it is not there.
    pub value: Option<Value>,
}

/// Where what belongs to the rollout is listed.
#[derive(Debug)]
pub struct Home {
    /// The kustomization that new files are listed in.
    pub kustomization: Manifest,
    /// From it down to the kustomization that lists the target; its first is
    /// the home itself. Longer than one when the target stands in a base.
    pub chain: Vec<Manifest>,
}

impl Home {
    /// Is the object of `manifest` shared with others, because it stands outside
    /// of this folder? What is shared is not edited, but patched here.
    #[must_use]
    pub fn shares(&self, manifest: &Manifest) -> bool {
        let folder = self.kustomization.folder();
        self.chain.len() > 1 && !crate::repo::inventory::is_below(manifest.path(), folder)
    }
}

/// A route that is steered.
#[derive(Debug)]
pub struct RouteSite {
    /// The Canary as it concerns this route: `spec.gitops.route` names it.
    pub canary: Canary,
    /// The route; `None` when it has to be generated.
    pub manifest: Option<Manifest>,
}
