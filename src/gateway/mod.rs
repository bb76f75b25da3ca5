//! Gateways: whose metrics tell the canary apart, and what they can do.
//!
//! Data, not code: an [`Implementation`] is a file of `templates/gateways`, a
//! [`QuerySet`] an entry of a file in `templates/queries`. A repository adds to
//! both, or overrides them, in `.weirkeeper/gateways` and `.weirkeeper/queries`.
//!
//! ```text
//! Canary, route, Gateway, GatewayClass ─▶ Gateway { implementation, set, place }
//! set.query(Question::Requests, &place, Backend::Canary, "1m") ─▶ PromQL
//! ```

mod buckets;
mod capability;
mod catalogue;
mod implementation;
mod metrics;
mod needs;
mod overlay;
mod place;
mod review;
mod set;
mod shape;
mod values;
pub mod version;

use std::sync::Arc;

pub use buckets::{Untold, untold};
pub use capability::{Answer, Capabilities, Capability, LeastStep, Support};
pub use catalogue::Catalogue;
pub use implementation::{Implementation, Reason, Refusal, Refused};
pub use metrics::is_measured;
pub use needs::{Need, needs};
pub use place::{Backend, Place, Side, Site};
pub use review::review;
pub use set::{Confidence, Counter, Duration, MeasuredBy, QuerySet, Question, Unit, Variant, When};

use crate::api::Canary;

/// Whose metrics and capabilities apply to a Canary.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The implementation; `None` when nobody knows.
    pub implementation: Option<Arc<Implementation>>,
    /// Its version as the Canary says it.
    pub version: Option<String>,
    /// The GatewayClass that it was found by.
    pub class: Option<String>,
    /// Where nobody knows the implementation: what the name of the GatewayClass is like.
    pub guess: Option<String>,
    /// How that is known, or why not, as half a sentence:
    /// `spec.gitops.gateway says so`.
    pub why: String,
    /// What built-in metrics are measured with; `None` when the metrics of the
    /// gateway cannot tell the canary apart.
    pub set: Option<Arc<QuerySet>>,
    /// All query sets of the implementation, in order of preference.
    pub others: Vec<Arc<QuerySet>>,
    /// Other implementations that the routes attach to: what a Canary needs has to be
    /// there in each of them.
    pub beside: Vec<Beside>,
    /// Where the two backends stand.
    pub place: Place,
}

/// An implementation that serves the same routes, but whose metrics are not used.
#[derive(Debug, Clone)]
pub struct Beside {
    /// Which one. Nobody knows its version.
    pub implementation: Arc<Implementation>,
    /// The GatewayClass that it was found by.
    pub class: Option<String>,
}

impl Gateway {
    /// Nobody knows the gateway: built-in metrics are those of the application.
    #[must_use]
    pub fn unknown(catalogue: &Catalogue, why: String, place: Place) -> Self {
        Self {
            implementation: None,
            version: None,
            class: None,
            guess: None,
            why,
            set: catalogue.set(QuerySet::GENERIC),
            others: Vec::new(),
            beside: Vec::new(),
            place,
        }
    }

    /// The gateway of an implementation, with the first of its query sets that fits
    /// the Canary and its routes. Where its metrics do not tell two backends of one
    /// rule apart, only sets fit that are for routes such as this one.
    #[must_use]
    pub fn known(
        catalogue: &Catalogue,
        implementation: Arc<Implementation>,
        class: Option<String>,
        canary: &Canary,
        (why, place): (String, Place),
    ) -> Self {
        let gateway = canary.spec.gitops().gateway.clone().unwrap_or_default();
        let names = implementation.query_sets.iter();
        let mut found = Self {
            version: gateway.version,
            class,
            guess: None,
            why,
            set: None,
            others: names.filter_map(|name| catalogue.set(name)).collect(),
            beside: Vec::new(),
            place,
            implementation: Some(implementation),
        };
        let separable = Capability::SeparableMetrics;
        let known = found.answer(separable).is;
        let separable = metrics::Separable::of(found.assumed(canary, separable), known);
        let fits = |set: &&Arc<QuerySet>| {
            let class = found.class.as_deref();
            metrics::is_fit(set, canary, &found.place, class, separable)
        };
        let set = found.others.iter().find(fits).cloned();
        found.set = set;
        found
    }

    /// The same with the primary in the canary's place.
    #[must_use]
    pub fn of_primary(&self) -> Self {
        let place = Place {
            canary: self.place.primary.clone(),
            mirrored: false,
            ..self.place.clone()
        };
        Self {
            place,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests;
