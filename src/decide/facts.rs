//! What the repository says, as far as a decision needs it.

use std::collections::BTreeMap;

use super::Wiring;
use crate::api::Traffic;

/// What the commit that is judged says about one Canary, apart from the
/// Canary itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Hash of the target's pod template.
    pub revision: String,
    /// Checksum by ConfigMap and Secret that the target uses.
    pub configs: BTreeMap<String, String>,
    /// The primary workload.
    pub primary: Primary,
    /// `spec.replicas` of the primary, `None` when absent.
    pub primary_replicas: Option<i64>,
    /// `spec.replicas` of the target, `None` when absent.
    pub target_replicas: Option<i64>,
    /// Does Weirkeeper scale the target? In mode `fields` people do.
    pub scales: bool,
    /// Does the apex Service select the primary's pods?
    pub apex_at_primary: bool,
    /// Why the repository as a whole is frozen, from its freeze file.
    pub frozen: Option<String>,
    /// Are the Services of primary and target in the repository?
    pub services: bool,
    /// What the route does.
    pub routed: Routed,
    /// Was the route generated, and does `spec.service` say something else now?
    pub route_outdated: bool,
    /// The largest weight of the canary in any rule of the route, also in
    /// rules that the Canary does not steer.
    pub exposed: i64,
    /// What the metrics of the gateway are known to be like; `None` where that is not
    /// known, and nobody asks for evidence.
    pub evidence: Option<Wiring>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            revision: String::new(),
            configs: BTreeMap::new(),
            primary: Primary::default(),
            primary_replicas: None,
            target_replicas: None,
            scales: true,
            apex_at_primary: false,
            frozen: None,
            services: false,
            routed: Routed::default(),
            route_outdated: false,
            exposed: 0,
            evidence: None,
        }
    }
}

/// Is there a primary, and does it run what the target runs?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Primary {
    /// It is not in the repository.
    #[default]
    Missing,
    /// It has the target's pod template.
    Current,
    /// It has another pod template.
    Different,
}

/// The weights in the route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Routed {
    /// There is no route.
    #[default]
    Missing,
    /// All rules with both backends agree.
    Even(Traffic),
    /// The rules disagree; somebody edited one of them.
    Uneven(Vec<Traffic>),
}

impl Routed {
    /// The traffic a step starts from: the last rule's when they disagree
    /// (Flagger: `gateway_api.go`, `GetRoutes`), everything on the primary
    /// when there is no route.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        match self {
            Self::Missing => Traffic::PRIMARY,
            Self::Even(traffic) => *traffic,
            Self::Uneven(rules) => rules.last().copied().unwrap_or(Traffic::PRIMARY),
        }
    }

    /// Does the route do what `recorded` says?
    #[must_use]
    pub fn agrees_with(&self, recorded: Traffic) -> bool {
        match self {
            Self::Missing => false,
            Self::Even(traffic) => *traffic == recorded,
            Self::Uneven(_) => false,
        }
    }
}
