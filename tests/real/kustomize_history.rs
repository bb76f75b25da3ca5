//! Every commit of a rollout, built as Flux builds it.

use std::collections::{BTreeMap, BTreeSet};

use git2::{Oid, Repository};
use serde_yaml::Value;

use crate::parts::{command, succeed};
use crate::support::gitops::World;
use crate::support::judge::{Document, files, read, sequence, text};
use crate::support::program::Ran;
use crate::support::walk::{Walk, repositories};
use crate::support::world::write;

/// Kind, namespace and name.
type Key = (String, String, String);

/// What one kustomization builds.
type Built = BTreeMap<Key, Value>;

/// What the kustomizations of a repository build, by folder.
type All = BTreeMap<String, Built>;

#[test]
#[ignore = "needs real parts"]
fn every_commit_builds_and_changes_only_what_its_step_says() {
    let mut built = 0;
    for name in repositories() {
        let walk = Walk::new(&name);
        let mut history = History::new(&walk);
        walk.until_idle(|world, before, ran| history.steps(world, before, ran));
        walk.promote();
        history.person(&walk.world);
        walk.until_idle(|world, before, ran| history.steps(world, before, ran));
        assert_eq!(history.promotions > 0, history.has_primary(), "{name}");
        walk.fail();
        history.person(&walk.world);
        walk.until_idle(|world, before, ran| history.steps(world, before, ran));
        println!("{name}: {} builds", history.builds);
        built += history.builds;
    }
    assert!(built > 40, "{built}");
}

/// What was built so far.
struct History<'a> {
    walk: &'a Walk,
    last: All,
    builds: usize,
    promotions: usize,
}

impl<'a> History<'a> {
    fn new(walk: &'a Walk) -> Self {
        let mut history = Self {
            walk,
            last: All::new(),
            builds: 0,
            promotions: 0,
        };
        history.last = history.build(&walk.world.tip());
        history
    }

    /// Is a primary workload built?
    fn has_primary(&self) -> bool {
        let mut keys = self.last.values().flat_map(Built::keys);
        keys.any(|(kind, _, name)| {
            (kind == "Deployment" || kind == "DaemonSet") && name.ends_with("-primary")
        })
    }

    /// Every kustomization at a commit.
    fn build(&mut self, commit: &str) -> All {
        let repository = Repository::open_bare(self.walk.world.remote()).unwrap();
        let commit = repository.find_commit(Oid::from_str(commit).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let mut found = Vec::new();
        for (path, text) in files(&repository, &commit.unwrap()) {
            write(folder.path(), &path, &text);
            found.extend(path.strip_suffix("/kustomization.yaml").map(str::to_owned));
        }
        found.retain(|path| !self.walk.table.unbuildable.contains(path));
        let build = |path: String| {
            let full = folder.path().join(&path);
            let text = succeed(command("kubectl").arg("kustomize").arg(full));
            let objects = read("built.yaml", &text).into_iter();
            (
                path,
                objects.map(|object| (key(&object), object.value)).collect(),
            )
        };
        self.builds += found.len();
        found.into_iter().map(build).collect()
    }

    /// Whatever a person releases, nothing of the primary changes with it.
    fn person(&mut self, world: &World) {
        let now = self.build(&world.tip());
        for (kind, name) in changed(&self.last, &now) {
            assert!(!name.contains("-primary"), "{kind} {name} changes");
        }
        self.check(&now, "a person");
        self.last = now;
    }

    /// The commits of one run.
    fn steps(&mut self, _world: &World, _before: &str, ran: &Ran) {
        let results = ran.json()["results"].clone();
        for result in results.as_array().unwrap() {
            let Some(commit) = result["commit"].as_str() else {
                continue;
            };
            let step = format!(
                "{} {} {}",
                self.walk.name, result["canary"], result["reasons"][0]
            );
            let action = result["action"].as_str().unwrap();
            let now = self.build(commit);
            for (kind, name) in changed(&self.last, &now) {
                let may = may_change(action, result["phase"].as_str().unwrap(), &kind, &name);
                assert!(may, "{step}: {kind} {name} changes");
            }
            self.check(&now, &step);
            if action == "promoting" {
                let of = result["canary"].as_str().unwrap();
                self.check_promoted(of.split_once('/').unwrap(), &now, &step);
            }
            self.last = now;
        }
    }

    /// Whoever is sent somewhere finds pods.
    fn check(&self, now: &All, step: &str) {
        for (folder, built) in now {
            for ((kind, _, name), value) in built {
                if kind == "HTTPRoute" {
                    for backend in reached(value) {
                        leads_to_pods(built, &backend, &format!("{step}: {folder} route {name}"));
                    }
                } else if kind == "Service" && !name.ends_with("-canary") {
                    leads_to_pods(built, name, &format!("{step}: {folder}"));
                }
            }
        }
    }

    /// The primary's pods are those of the target, with names of its own.
    fn check_promoted(&mut self, (of, name): (&str, &str), now: &All, step: &str) {
        for built in now.values() {
            let workload = |wanted: &str| {
                let kinds = ["Deployment", "DaemonSet"];
                let mut found = built.iter().filter(|((kind, namespace, name), _)| {
                    let here = namespace.is_empty() || namespace == of;
                    here && kinds.contains(&kind.as_str()) && name == wanted
                });
                found.next().map(|(_, value)| value)
            };
            let (target, primary) = (workload(name), workload(&format!("{name}-primary")));
            if let (Some(target), Some(primary)) = (target, primary) {
                assert_eq!(plain(target, built), plain(primary, built), "{step}");
                self.promotions += 1;
            }
        }
    }
}

fn key(object: &Document) -> Key {
    let kind = text(&object.value["kind"]).unwrap_or_default();
    let namespace = object.namespace().unwrap_or_default();
    (kind, namespace, object.name())
}

/// Kinds and names of what is there in one and not the same in the other.
fn changed(before: &All, now: &All) -> BTreeSet<(String, String)> {
    assert!(before.keys().eq(now.keys()));
    let mut found = BTreeSet::new();
    for (before, now) in before.values().zip(now.values()) {
        for key in before.keys().chain(now.keys()) {
            if before.get(key) != now.get(key) {
                found.insert((key.0.clone(), key.2.clone()));
            }
        }
    }
    found
}

/// What a step of this action may change.
fn may_change(action: &str, phase: &str, kind: &str, name: &str) -> bool {
    let workload = [
        "Deployment",
        "DaemonSet",
        "ScaledObject",
        "HorizontalPodAutoscaler",
    ];
    let config = ["ConfigMap", "Secret"];
    let primary = name.contains("-primary");
    let copied = workload.contains(&kind) || config.contains(&kind);
    match action {
        // The bootstrap adds; later, holding changes nothing that is built.
        "held" if phase == "Initializing" => {
            primary && copied || kind == "Service" && (primary || name.ends_with("-canary"))
        }
        "initialized" => kind == "HTTPRoute" || kind == "Service" && !primary,
        "advanced" | "finalising" | "rolledBack" => kind == "HTTPRoute",
        "promoting" => primary && (copied || kind == "HelmRelease"),
        "started" | "succeeded" | "idle" => {
            !primary && workload.contains(&kind) && kind != "HorizontalPodAutoscaler"
        }
        _ => false,
    }
}

/// The backends that get requests.
fn reached(route: &Value) -> BTreeSet<String> {
    let rules = sequence(&route["spec"]["rules"]).into_iter();
    let backends = rules.flat_map(|rule| sequence(&rule["backendRefs"]));
    let gets = backends.filter(|backend| backend["weight"].as_i64() != Some(0));
    gets.filter_map(|backend| text(&backend["name"])).collect()
}

/// Is there a workload with pods behind a Service? Services and workloads of others are not built here.
fn leads_to_pods(built: &Built, service: &str, step: &str) {
    let of = |wanted: &'static str| built.iter().filter(move |((kind, _, _), _)| kind == wanted);
    let Some((_, found)) = of("Service").find(|((_, _, name), _)| name == service) else {
        return;
    };
    let selector = found["spec"]["selector"].as_mapping().unwrap();
    let behind = of("Deployment")
        .chain(of("DaemonSet"))
        .filter(|(_, value)| {
            let labels = &value["spec"]["template"]["metadata"]["labels"];
            selector
                .iter()
                .all(|(key, value)| &labels[key.as_str().unwrap()] == value)
        });
    let behind: Vec<Document> = behind
        .map(|(_, value)| Document {
            path: String::new(),
            value: value.clone(),
        })
        .collect();
    let pods = behind.iter().any(|workload| !workload.has_no_pods());
    assert!(pods, "{step}: {service} leads to no pods");
}

/// The pod template without what makes it the primary's, and without the suffixes of generated names.
fn plain(workload: &Value, built: &Built) -> String {
    let mut template = workload["spec"]["template"].clone();
    let mut left = 0;
    if let Some(annotations) = template["metadata"]["annotations"].as_mapping_mut() {
        annotations.remove("flagger-id");
        left = annotations.len();
    }
    if left == 0 {
        template["metadata"]
            .as_mapping_mut()
            .unwrap()
            .remove("annotations");
    }
    let mut text = serde_yaml::to_string(&template).unwrap();
    for (kind, _, name) in built.keys() {
        if let (true, Some((stem, suffix))) = (
            kind == "ConfigMap" || kind == "Secret",
            name.rsplit_once('-'),
        ) && suffix.len() == 10
        {
            text = text.replace(name, stem);
        }
    }
    text.replace("-primary", "")
}
