//! What is known of the metrics that judge.

use jiff::SignedDuration;
use serde_yaml::Value;

use crate::api::{Strategy, parse_duration};
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
    let by_gateway = set.by == MeasuredBy::Gateway;
    let measured_at = match &gateway.implementation {
        _ if !by_gateway => "the workloads",
        Some(implementation) => &implementation.title,
        None => "the gateway",
    };
    // Whoever counts both as one knows nothing of either.
    (canary != primary).then(|| Wiring {
        canary,
        primary,
        measured_at: measured_at.to_owned(),
        late: set.late,
        lag: lag(set),
        // The canary's rule stands where one of the primary's stood.
        reused: set.when.own_rule == Some(true) && analysis.strategy() == Strategy::AbTesting,
        divided: by_gateway
            && !set.all_callers
            && is_divided(&gateway.place)
            && !rollout.routes.iter().any(|site| {
                let route = site.manifest.as_ref();
                route.is_some_and(|route| is_sticky(&route.value))
            }),
    })
}

/// How late its values come; what cannot be read is told by the review.
fn lag(set: &QuerySet) -> SignedDuration {
    let lag = set.lag.as_deref().map(parse_duration);
    lag.and_then(Result::ok).unwrap_or_default()
}

/// Do all rules with one of the two have the other, too, with the same weights? Else more
/// reaches it than the weights of the steered rules leave it.
fn is_divided(place: &Place) -> bool {
    let canarys = |primary: &Site| {
        let mut sites = place.canary.sites.iter();
        let found = sites.find(|site| (&site.route, site.rule) == (&primary.route, primary.rule));
        found.map(|canary| (primary.weight, canary.weight))
    };
    let mut weights = place.primary.sites.iter().map(canarys);
    let in_pairs = place.primary.sites.len() == place.canary.sites.len();
    match weights.next() {
        Some(Some(first)) => in_pairs && weights.all(|weights| weights == Some(first)),
        Some(None) | None => false,
    }
}

/// Does a rule keep its clients where they were?
fn is_sticky(route: &Value) -> bool {
    let rules = get(route, &["spec", "rules"]).and_then(Value::as_sequence);
    let mut rules = rules.into_iter().flatten();
    rules.any(|rule| rule.get("sessionPersistence").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Side;

    /// Sites as rule and weight.
    fn place(primary: &[(usize, i64)], canary: &[(usize, i64)]) -> Place {
        let side = |sites: &[(usize, i64)]| Side {
            sites: sites
                .iter()
                .map(|(rule, weight)| Site {
                    route: "podinfo".to_owned(),
                    rule: *rule,
                    backend: 0,
                    weight: *weight,
                    filtered: false,
                })
                .collect(),
            ..Side::default()
        };
        Place {
            primary: side(primary),
            canary: side(canary),
            ..Place::default()
        }
    }

    #[test]
    fn weights_divide_what_every_rule_gives_to_both_alike() {
        assert!(is_divided(&place(&[(0, 90)], &[(0, 10)])));
        assert!(is_divided(&place(&[(0, 9), (2, 9)], &[(0, 1), (2, 1)])));
        // Nobody divides what a rule gives to one of them alone.
        assert!(!is_divided(&place(&[(0, 90), (1, 1)], &[(0, 10)])));
        assert!(!is_divided(&place(&[(0, 90)], &[(0, 10), (1, 1)])));
        assert!(!is_divided(&place(
            &[(0, 90), (1, 50)],
            &[(0, 10), (1, 50)]
        )));
        assert!(!is_divided(&place(&[(0, 90)], &[])));
        assert!(!is_divided(&place(&[], &[])));
    }

    #[test]
    fn persistence_is_sticky() {
        let route = |rule: &str| -> Value {
            serde_yaml::from_str(&format!("{{spec: {{rules: [{{}}, {{{rule}}}]}}}}")).unwrap()
        };
        assert!(is_sticky(&route("sessionPersistence: {type: Cookie}")));
        assert!(!is_sticky(&route("name: main")));
    }
}
