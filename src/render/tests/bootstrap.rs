//! Whole rollouts, commit by commit: no route and no Service leads to pods that
//! are not there.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_yaml::Value;

use super::workloads::CANARY;
use crate::api::{Phase, Status, Traffic};
use crate::decide::{Action, Answers, Next, Plan, Routed, best_answer, decide};
use crate::render::facts;
use crate::render::testing::Repo;

/// What a repository looks like before there is a primary.
#[derive(Debug, Clone)]
struct Shape {
    daemon: bool,
    /// `None` when the manifest has none.
    replicas: Option<i64>,
    scaler: Option<Scaler>,
    configs: bool,
    images: bool,
    /// The target stands in a base that others share.
    shared: bool,
    /// There is a Service for the apex already.
    apex: bool,
}

#[derive(Debug, Clone, Copy)]
enum Scaler {
    Hpa,
    Keda,
}

fn shape() -> impl Strategy<Value = Shape> {
    let scaler = prop::option::of(prop_oneof![Just(Scaler::Hpa), Just(Scaler::Keda)]);
    let replicas = prop::option::of(0..4i64);
    let yes = any::<bool>;
    (yes(), replicas, scaler, yes(), yes(), yes(), yes()).prop_map(
        |(daemon, replicas, scaler, configs, images, shared, apex)| Shape {
            daemon,
            replicas: replicas.filter(|_| !daemon),
            scaler: scaler.filter(|_| !daemon),
            configs,
            images,
            shared,
            // Nobody's pods answer there before the first commit.
            apex: apex && replicas != Some(0),
        },
    )
}

const CONFIG: &str =
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: conf, namespace: test}, data: {a: b}}\n";

const SERVICE: &str = "apiVersion: v1
kind: Service
metadata: {name: shop, namespace: test}
spec: {ports: [{port: 80}], selector: {app: shop}}
";

impl Shape {
    fn kind(&self) -> &'static str {
        match self.daemon {
            true => "DaemonSet",
            false => "Deployment",
        }
    }

    fn repo(&self) -> Repo {
        let folder = if self.shared { "base" } else { "prod" };
        let mut repo = Repo::default();
        let mut canary = CANARY.replace("kind: Deployment", &format!("kind: {}", self.kind()));
        let mut add = |name: &str, text: &str| repo.put(&format!("{folder}/{name}"), text);
        add("app.yaml", &self.app());
        if self.apex {
            add("service.yaml", SERVICE);
        }
        if self.configs {
            add("conf.yaml", CONFIG);
        }
        if let Some(scaler) = self.scaler {
            let (version, kind, text) = scaler.parts();
            add("scaler.yaml", text);
            let reference = format!(
                "  autoscalerRef: {{apiVersion: {version}, kind: {kind}, name: shop}}\n  service:"
            );
            canary = canary.replace("  service:", &reference);
        }
        repo.put("prod/canary.yaml", &canary);
        let images = if self.images {
            "images:\n- {name: shop, newTag: v1}\n"
        } else {
            ""
        };
        let resources = if self.shared { "../base" } else { "app.yaml" };
        repo.put(
            "prod/kustomization.yaml",
            &format!("resources:\n- {resources}\n{images}"),
        );
        if self.shared {
            repo.put("base/kustomization.yaml", "resources:\n- app.yaml\n");
        }
        repo.configs = vec![("ConfigMap", "conf")];
        repo.configs.truncate(usize::from(self.configs));
        repo.images = vec!["shop"];
        repo.images.truncate(usize::from(self.images));
        repo
    }

    fn app(&self) -> String {
        let replicas = self
            .replicas
            .map(|replicas| format!("  replicas: {replicas}\n"));
        let from = if self.configs {
            ", envFrom: [{configMapRef: {name: conf}}]"
        } else {
            ""
        };
        format!(
            "apiVersion: apps/v1\nkind: {}\nmetadata: {{name: shop, namespace: test}}\nspec:\n{}  \
             selector: {{matchLabels: {{app: shop}}}}\n  template:\n    metadata: {{labels: {{app: shop}}}}\n    \
             spec:\n      containers:\n      - {{name: shop, image: 'shop:v1'{from}}}\n",
            self.kind(),
            replicas.unwrap_or_default(),
        )
    }

    /// A new version.
    fn release(&self, repo: &mut Repo) {
        let app = if self.shared {
            "base/app.yaml"
        } else {
            "prod/app.yaml"
        };
        match self.images {
            true => repo.replace(
                "prod/kustomization.yaml",
                "- {name: shop, newTag: v1}",
                "- {name: shop, newTag: v2}",
            ),
            false => repo.replace(app, "shop:v1", "shop:v2"),
        }
    }
}

impl Scaler {
    fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Hpa => (
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop, namespace: test}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}, minReplicas: 2, maxReplicas: 5}
",
            ),
            Self::Keda => (
                "keda.sh/v1alpha1",
                "ScaledObject",
                "apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: shop, namespace: test}
spec: {scaleTargetRef: {name: shop}, minReplicaCount: 2}
",
            ),
        }
    }
}

/// A repository, one interval further with each tick.
struct World {
    repo: Repo,
    kind: &'static str,
    now: Timestamp,
}

impl World {
    fn tick(&mut self) -> Plan {
        self.now = self.now.checked_add(SignedDuration::from_mins(1)).unwrap();
        let rollout = self.repo.rollout();
        let facts = facts(&rollout).unwrap();
        let mut answers = Answers::new();
        let plan = loop {
            match decide(&rollout.canary, &facts, &answers, self.now) {
                Next::Done(plan) => break *plan,
                Next::Ask(probes) => answers.extend(probes.into_iter().map(|probe| {
                    let answer = best_answer(&rollout.canary, &probe);
                    (probe, answer)
                })),
            }
        };
        self.repo.apply(&plan, &rollout);
        plan
    }

    /// Ticks until one takes this action, and checks each commit.
    fn until(&mut self, action: Action) {
        let mut seen = Vec::new();
        for _ in 0..20 {
            let before = self.backends();
            let plan = self.tick();
            self.check(&before);
            seen.push((plan.action, plan.reasons));
            if plan.action == action {
                return;
            }
        }
        panic!("no {action:?}: {seen:#?}");
    }

    /// Names of the workloads that requests are sent to.
    fn backends(&self) -> Vec<String> {
        let traffic = match facts(&self.repo.rollout()).unwrap().routed {
            Routed::Even(traffic) => traffic,
            Routed::Missing => Traffic {
                primary: 0,
                ..Traffic::PRIMARY
            },
            Routed::Uneven(rules) => panic!("the route disagrees: {rules:?}"),
        };
        let services = [
            ("shop-primary", traffic.primary),
            ("shop-canary", traffic.canary),
        ];
        let used = services.iter().filter(|(_, weight)| *weight > 0);
        let named = used.map(|(service, _)| (*service, true));
        let all = named.chain(std::iter::once(("shop", false)));
        all.filter_map(|(service, needed)| {
            let service = match self.repo.find("Service", service) {
                Some(found) => self.repo.built(&found),
                None if needed => panic!("there is no Service {service}"),
                None => return None,
            };
            Some(
                service["spec"]["selector"]["app"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            )
        })
        .collect()
    }

    fn check(&self, before: &[String]) {
        let after = self.backends();
        // Nothing orders what is in one commit: what had requests has pods still,
        // and what has them now had pods before.
        for name in before.iter().chain(&after) {
            let workload = self.repo.find(self.kind, name);
            let workload = workload.unwrap_or_else(|| panic!("there is no {name}"));
            assert!(
                has_pods(&self.repo.built(&workload)),
                "{name} has no pods:\n{}",
                self.repo.since(&Repo::default())
            );
        }
    }

    fn status(&self) -> Status {
        self.repo.rollout().canary.status.unwrap()
    }
}

fn has_pods(workload: &Value) -> bool {
    let nodes = workload["spec"]["template"]["spec"].get("nodeSelector");
    let is_off = nodes.is_some_and(|nodes| nodes.get("flagger.app/scale-to-zero").is_some());
    workload["spec"].get("replicas") != Some(&0.into()) && !is_off
}

/// A whole rollout, from the first commit to the promotion of a release.
fn rolls_out(shape: &Shape) -> Result<(), TestCaseError> {
    let repo = shape.repo();
    let app = |repo: &Repo| repo.find(shape.kind(), "shop").unwrap();
    let first = repo.built(&app(&repo));
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut world = World {
        repo,
        kind: shape.kind(),
        now,
    };
    world.until(Action::Initialized);
    world.until(Action::Idle);
    let idle = world.repo.built(&app(&world.repo));
    prop_assert!(!has_pods(&idle));
    prop_assert!(
        world
            .repo
            .built(&world.repo.find(shape.kind(), "shop-primary").unwrap())["spec"]
            .get("replicas")
            != Some(&0.into())
    );
    prop_assert_eq!(
        world.status().last_promoted_spec,
        world.repo.facts().revision
    );

    shape.release(&mut world.repo);
    world.until(Action::Started);
    let running = world.repo.built(&app(&world.repo));
    let scaled = [&first, &running].map(|workload| workload["spec"].get("replicas").cloned());
    if scaled[0] != Some(0.into()) {
        prop_assert_eq!(&scaled[0], &scaled[1]);
    }
    world.until(Action::Succeeded);
    world.until(Action::Idle);
    prop_assert_eq!(world.status().phase, Some(Phase::Succeeded));
    prop_assert!(!has_pods(&world.repo.built(&app(&world.repo))));
    prop_assert_eq!(world.repo.facts().primary, crate::decide::Primary::Current);
    prop_assert_eq!(
        world.status().last_promoted_spec,
        world.repo.facts().revision
    );
    // What is at home was never somebody else's.
    let strangers = world
        .repo
        .texts
        .keys()
        .filter(|path| path.starts_with("base/"));
    let known = if shape.shared {
        shape
            .repo()
            .texts
            .keys()
            .filter(|path| path.starts_with("base/"))
            .count()
    } else {
        0
    };
    prop_assert_eq!(strangers.count(), known);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_commit_leads_to_pods_that_are_not_there(shape in shape()) {
        rolls_out(&shape)?;
    }
}

#[test]
fn an_autoscaled_target_of_a_base_without_pods_gets_some() {
    for scaler in [Scaler::Hpa, Scaler::Keda] {
        let shape = Shape {
            daemon: false,
            replicas: Some(0),
            scaler: Some(scaler),
            configs: false,
            images: false,
            shared: true,
            apex: false,
        };
        rolls_out(&shape).unwrap();
    }
}
