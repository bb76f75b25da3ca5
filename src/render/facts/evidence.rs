//! What is known of the metrics that judge.

use serde_yaml::Value;

use crate::decide::{Wiring, evidence_window};
use crate::gateway::{Backend, MeasuredBy, Place, QuerySet, Question, Site};
use crate::render::workload::get;
use crate::repo::rollout::Rollout;

/// How the metrics of the gateway tell canary and primary apart; `None` where nobody
/// knows that, or nothing built in judges. A query that cannot be rendered is told when
/// it is asked.
pub(super) fn wiring(rollout: &Rollout) -> Option<Wiring> {
    let gateway = &rollout.gateway;
    let analysis = rollout.canary.spec.analysis.as_ref()?;
    let window = evidence_window(analysis)?;
    let set = gateway
        .set
        .as_deref()
        .filter(|set| set.name != QuerySet::GENERIC)?;
    let query = |question, backend| {
        let query = set.query(question, &gateway.place, backend, window);
        query.ok().flatten()
    };
    let [canary, primary] = [Backend::Canary, Backend::Primary].map(|backend| {
        query(Question::Requests, backend)?;
        query(Question::Series, backend)
    });
    let (canary, primary) = (canary?, primary?);
    // Whoever counts both as one knows nothing of either.
    (canary != primary).then(|| Wiring {
        canary,
        primary,
        late: set.late,
        divided: set.by == MeasuredBy::Gateway
            && is_divided(&gateway.place)
            && !rollout.routes.iter().any(|site| {
                let route = site.manifest.as_ref();
                route.is_some_and(|route| is_sticky(&route.value))
            }),
    })
}

/// Do all rules with the primary have the canary, too, with the same weights? Else more
/// reaches the primary than the weights of the steered rules leave it.
fn is_divided(place: &Place) -> bool {
    let canarys = |primary: &Site| {
        let mut sites = place.canary.sites.iter();
        let found = sites.find(|site| (&site.route, site.rule) == (&primary.route, primary.rule));
        found.map(|canary| (primary.weight, canary.weight))
    };
    let mut weights = place.primary.sites.iter().map(canarys);
    match weights.next() {
        Some(Some(first)) => weights.all(|weights| weights == Some(first)),
        Some(None) | None => false,
    }
}

/// Does a rule keep its clients where they were?
fn is_sticky(route: &Value) -> bool {
    let rules = get(route, &["spec", "rules"]).and_then(Value::as_sequence);
    let mut rules = rules.into_iter().flatten();
    rules.any(|rule| rule.get("sessionPersistence").is_some())
}
