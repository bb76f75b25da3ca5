//! What is valid but cannot be carried out by this version.

use crate::api::{
    AppliedFrom, Canary, FieldPath, GitOps, ObservedShare, OnFailure, Problem, PromotionMode,
    ReadinessFrom,
};

/// What this version cannot carry out yet. A Canary with an error here must not
/// be stepped: its release would not be judged as its author asks.
///
/// Metric providers are not told here; they are a matter of the templates.
#[must_use]
pub fn unsupported(canary: &Canary) -> Vec<Problem> {
    let mut found = Vec::new();
    let spec = &canary.spec;
    let path = FieldPath::root().key("spec");
    if !matches!(spec.target_ref.kind.as_str(), "" | "Deployment") {
        let at = path.key("targetRef").key("kind");
        let what = format!("a target of kind {}", spec.target_ref.kind);
        found.push(not_yet(at, &what, "a target must be a Deployment"));
    }
    if spec.autoscaler_ref.is_some() {
        let at = path.key("autoscalerRef");
        let hint = "remove it and keep the autoscaler of the primary in Git yourself";
        found.push(not_yet(at, "copying an autoscaler", hint).at_key());
    }
    if let Some(gitops) = &spec.gitops {
        of_gitops(&mut found, &path.key("gitops"), gitops);
    }
    found
}

/// `what` in one sentence, and what to do instead.
pub(super) fn not_yet(path: FieldPath, what: &str, hint: &str) -> Problem {
    Problem::error(path, format!("{what} is not supported by this version")).hint(hint)
}

fn of_gitops(found: &mut Vec<Problem>, path: &FieldPath, gitops: &GitOps) {
    let promotion = gitops.promotion.as_ref().map(|promotion| promotion.mode);
    let applied = gitops.applied.as_ref().map(|applied| applied.from);
    let readiness = gitops.readiness_from();
    let is_some = |list: Option<usize>| list.is_some_and(|length| length > 0);
    for (at, set, what, hint) in [
        (
            path.key("routes"),
            is_some(gitops.routes.as_ref().map(Vec::len)),
            "changing several routes",
            "use `route`, for one",
        ),
        (
            path.key("promotion").key("mode"),
            promotion == Some(PromotionMode::Fields),
            "promotion by fields",
            "use `mode: copy`",
        ),
        (
            path.key("applied").key("from"),
            applied.is_some_and(|from| from != AppliedFrom::None),
            "waiting until a commit is applied",
            "use `from: none` and an `interval` longer than Flux takes",
        ),
        (
            path.key("readiness").key("from"),
            readiness == ReadinessFrom::Applied,
            "readiness by the GitOps controller",
            "use `from: prometheus` or `from: none`",
        ),
        (
            path.key("onFailure"),
            gitops.on_failure == OnFailure::Revert,
            "reverting the target's manifest",
            "use `onFailure: hold` and revert it yourself",
        ),
        (
            path.key("gates"),
            is_some(gitops.gates.as_ref().map(Vec::len)),
            "a gate in Git",
            "remove it",
        ),
        (
            path.key("gateway"),
            gitops.gateway.is_some(),
            "choosing a gateway implementation",
            "remove it",
        ),
        (
            path.key("observedShare"),
            gitops.observed_share == ObservedShare::Hold,
            "holding for the observed share",
            "use `observedShare: warn`",
        ),
        (
            path.key("windows"),
            is_some(gitops.windows.as_ref().map(Vec::len)),
            "a window of time",
            "remove it, or schedule the workflow that runs the steps accordingly",
        ),
    ] {
        if set {
            found.push(not_yet(at, what, hint).at_key());
        }
    }
}
