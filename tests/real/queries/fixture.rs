//! What a gateway's series look like.

use serde::Deserialize;
use weirkeeper::gateway::{Backend, Place, Side, Site};

use crate::parts::source_tree;

/// Both backends.
pub(super) const BACKENDS: [Backend; 2] = [Backend::Canary, Backend::Primary];

/// The series of one kind of route in one mode.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Fixture {
    /// Kind of the route.
    #[serde(default = "http")]
    pub(super) kind: String,
    /// Are requests copied to the canary?
    #[serde(default)]
    pub(super) mirrored: bool,
    /// Does the canary have a rule of its own, the first one?
    #[serde(default)]
    own_rule: bool,
    /// The counter of requests.
    pub(super) requests: String,
    /// Labels of those that did not fail, different answers.
    #[serde(default)]
    pub(super) good: Vec<String>,
    /// Labels of those that failed.
    #[serde(default)]
    pub(super) failed: Vec<String>,
    /// A counter of those that failed, where it is another one: then `requests` counts all.
    pub(super) failed_metric: Option<String>,
    /// A counter of those that did not, beside it: both together are what counts.
    pub(super) good_metric: Option<String>,
    /// A counter of all that is there from the first one on.
    pub(super) completed: Option<String>,
    /// Does that show failures whose counters have only just begun?
    #[serde(default)]
    pub(super) shows_first: bool,
    /// A histogram, without `_bucket`.
    pub(super) histogram: Option<String>,
    /// A gauge.
    pub(super) average: Option<String>,
    /// Are durations in seconds?
    #[serde(default)]
    pub(super) seconds: bool,
    /// More labels of durations.
    #[serde(default)]
    pub(super) of_durations: String,
    /// A counter of repeated attempts.
    pub(super) retries: Option<String>,
    /// Does the set tell of no requests where there is no series? Else it counts 0.
    #[serde(default)]
    pub(super) silent: bool,
    /// Labels of the canary; the set has to select each of them.
    pub(super) matches: Vec<String>,
    /// Labels of the primary.
    pub(super) primary: Vec<String>,
    /// Labels, or a whole series, that are neither's.
    pub(super) ignores: Vec<String>,
    /// Series that are always 1.
    #[serde(default)]
    pub(super) also: Vec<String>,
}

fn http() -> String {
    "HTTPRoute".to_owned()
}

impl Fixture {
    pub(super) fn of(set: &str) -> Vec<Self> {
        let path = source_tree().join(format!("fixtures/queries/{set}.yaml"));
        let text = fs_err::read_to_string(path).unwrap();
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{set}: {error}"))
    }

    pub(super) fn is_grpc(&self) -> bool {
        self.kind == "GRPCRoute"
    }

    pub(super) fn place(&self) -> Place {
        place(&self.kind, self.mirrored, self.own_rule)
    }
}

/// All that queries are rendered for.
pub(super) fn places() -> Vec<Place> {
    let mut places = Vec::new();
    for kind in ["HTTPRoute", "GRPCRoute"] {
        for (mirrored, own_rule) in [(false, false), (true, false), (false, true)] {
            places.push(place(kind, mirrored, own_rule));
        }
    }
    let mut several = place("HTTPRoute", false, false);
    for side in [&mut several.canary, &mut several.primary] {
        let mut more = side.sites.clone();
        more[0].route = "podinfo.internal".to_owned();
        side.sites.extend(more);
    }
    several.gateways.push("internal.web".to_owned());
    let mut nowhere = place("HTTPRoute", false, false);
    for side in [&mut nowhere.canary, &mut nowhere.primary] {
        side.sites.clear();
    }
    nowhere.gateways.clear();
    nowhere.namespace.clear();
    let mut odd = place("HTTPRoute", false, false);
    let name = "x\"} or vector(1) #\\ {{ namespace }} (a|b)[c]*\n$^.";
    odd.canary.sites[0].route = name.to_owned();
    odd.canary.workload = name.to_owned();
    odd.canary.service = name.to_owned();
    odd.namespace = name.to_owned();
    odd.gateways.push(name.to_owned());
    places.extend([several, nowhere, odd]);
    places
}

fn place(kind: &str, mirrored: bool, own_rule: bool) -> Place {
    let site = |rule, backend, weight| Site {
        route: "podinfo".to_owned(),
        rule,
        backend,
        weight,
        filtered: false,
    };
    let side = |workload: &str, service: &str, sites| Side {
        workload: workload.to_owned(),
        service: service.to_owned(),
        sites,
    };
    let (canary, primary) = match own_rule {
        true => (
            vec![site(0, 1, 100), site(1, 1, 0)],
            vec![site(0, 0, 0), site(1, 0, 100)],
        ),
        false => (vec![site(0, 1, 10)], vec![site(0, 0, 90)]),
    };
    Place {
        namespace: "test".to_owned(),
        kind: kind.to_owned(),
        canary: side("podinfo", "podinfo-canary", canary),
        primary: side("podinfo-primary", "podinfo-primary", primary),
        gateways: vec!["web".to_owned()],
        mirrored,
    }
}
