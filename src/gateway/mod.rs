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

mod catalogue;
mod implementation;
mod place;
mod set;
mod shape;
mod values;

use std::sync::Arc;

pub use catalogue::Catalogue;
pub use implementation::Implementation;
pub use place::{Backend, Place, Side, Site};
pub use set::{Confidence, Counter, Duration, MeasuredBy, QuerySet, Question, Unit, Variant, When};

/// Whose metrics and capabilities apply to a Canary.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The implementation; `None` when nobody knows.
    pub implementation: Option<Arc<Implementation>>,
    /// Its version as the Canary says it.
    pub version: Option<String>,
    /// How that is known, or why not, as half a sentence:
    /// `spec.gitops.gateway says so`.
    pub why: String,
    /// What built-in metrics are measured with; `None` when the metrics of the
    /// gateway cannot tell the canary apart.
    pub set: Option<Arc<QuerySet>>,
    /// Where the two backends stand.
    pub place: Place,
}

impl Gateway {
    /// Nobody knows the gateway: built-in metrics are those of the application.
    #[must_use]
    pub fn unknown(catalogue: &Catalogue, why: String, place: Place) -> Self {
        Self {
            implementation: None,
            version: None,
            why,
            set: catalogue.set(QuerySet::GENERIC),
            place,
        }
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
