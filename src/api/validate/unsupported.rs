//! What is valid but cannot be carried out by this version.

use crate::api::{Canary, FieldPath, Problem, PromotionMode};

/// What this version cannot carry out yet. A Canary with an error here must not
/// be stepped: its release would not be judged as its author asks.
///
/// Metric providers are not told here; they are a matter of the templates.
#[must_use]
pub fn unsupported(canary: &Canary) -> Vec<Problem> {
    let mut found = Vec::new();
    let spec = &canary.spec;
    let path = FieldPath::root().key("spec");
    let copied = spec.promotion_mode() == PromotionMode::Copy;
    if copied && spec.target_ref.kind == "Service" {
        let at = path.key("targetRef").key("kind");
        let hint = "name a Deployment or a DaemonSet";
        found.push(not_yet(at, "a target of kind Service", hint));
    }
    found
}

/// `what` in one sentence, and what to do instead.
pub(super) fn not_yet(path: FieldPath, what: &str, hint: &str) -> Problem {
    Problem::error(path, format!("{what} is not supported by this version")).hint(hint)
}
