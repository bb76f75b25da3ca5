//! Proves from the history of a branch alone that every step in it is whole.

use std::collections::BTreeMap;
use std::path::Path;

use git2::{Commit, ObjectType, Repository, Sort};
use serde::Deserialize as _;
use serde_yaml::Value;
use weirkeeper::repo::trailers;

/// One step, as its commit tells it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) commit: String,
    /// `namespace/name`.
    pub(crate) canary: String,
    pub(crate) phase: String,
    /// Weight of the canary, once there is a route.
    pub(crate) weight: Option<i64>,
    /// Seconds.
    pub(crate) time: i64,
}

/// A document and the file it is from.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) path: String,
    pub(crate) value: Value,
}

/// Checks each commit of `main` that is a step: its trailers are what the Canary's status says, the
/// routes carry what the status says, nobody is sent to a workload without pods, and no step comes
/// before the last one's `interval` (seconds) is over. Returns the steps, oldest first.
#[track_caller]
pub(crate) fn judge(remote: &Path, interval: i64) -> Vec<Step> {
    let repository = Repository::open_bare(remote).unwrap();
    let mut walk = repository.revwalk().unwrap();
    walk.push_ref("refs/heads/main").unwrap();
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE).unwrap();
    walk.simplify_first_parent().unwrap();
    let mut steps: Vec<Step> = Vec::new();
    for id in walk {
        let commit = repository.find_commit(id.unwrap()).unwrap();
        let found = trailers::parse(commit.message().unwrap());
        let found: BTreeMap<String, String> = found.into_iter().collect();
        if !found.contains_key("Canary") {
            continue;
        }
        let step = check(&repository, &commit, &found)
            .unwrap_or_else(|why| panic!("{why}\n{}\n{}", commit.id(), commit.message().unwrap()));
        let last = steps.iter().rev().find(|last| last.canary == step.canary);
        if let Some(last) = last {
            assert!(
                step.time >= last.time + interval,
                "{} comes {} s after {}",
                step.commit,
                step.time - last.time,
                last.commit
            );
        }
        steps.push(step);
    }
    steps
}

/// One step by itself.
fn check(
    repository: &Repository,
    commit: &Commit<'_>,
    trailers: &BTreeMap<String, String>,
) -> Result<Step, String> {
    let files = files(repository, commit);
    let before = commit
        .parent(0)
        .map(|parent| self::files(repository, &parent));
    let before = before.unwrap_or_default();
    let documents: Vec<Document> = files
        .iter()
        .flat_map(|(path, text)| read(path, text))
        .collect();
    let id = &trailers["Canary"];
    let (namespace, name) = id.split_once('/').unwrap_or(("", id));
    let changed = |path: &str| before.get(path) != files.get(path);
    let canary = documents
        .iter()
        .filter(|document| changed(&document.path) && document.is("Canary", name))
        .find(|document| document.namespace().is_none_or(|own| own == namespace))
        .ok_or_else(|| format!("no changed file has the Canary {id}"))?;
    let status = &canary.value["status"];
    for (trailer, field) in [
        ("Phase", "phase"),
        ("Iterations", "iterations"),
        ("Failed-Checks", "failedChecks"),
    ] {
        same(
            trailer,
            trailers.get(trailer).cloned(),
            text(&status[field]),
        )?;
    }
    let weight = status["routed"]["canary"].as_i64();
    let told = trailers.get("Canary-Weight").cloned();
    same(
        "Canary-Weight",
        told,
        weight.map(|weight| weight.to_string()),
    )?;
    let time = commit.time().seconds();
    let stamp = text(&status["lastStepTime"]).unwrap_or_default();
    let stamp: jiff::Timestamp = stamp.parse().map_err(|why| format!("{stamp}: {why}"))?;
    same("lastStepTime", stamp.as_second(), time)?;
    let phase = trailers["Phase"].clone();
    if status["routed"].is_mapping() {
        check_routes(canary, &documents)?;
        check_pods(canary, &documents)?;
    }
    Ok(Step {
        commit: commit.id().to_string(),
        canary: id.clone(),
        phase,
        weight,
        time,
    })
}

/// Every rule of the Canary's routes that leads to both sides carries the weights of the status.
fn check_routes(canary: &Document, documents: &[Document]) -> Result<(), String> {
    let routed = &canary.value["status"]["routed"];
    let routed = (routed["primary"].as_i64(), routed["canary"].as_i64());
    let gitops = &canary.value["spec"]["gitops"];
    let several = gitops["routes"].as_sequence().cloned();
    let wanted = several.unwrap_or_else(|| vec![gitops["route"].clone()]);
    for wanted in wanted {
        let name = text(&wanted["name"]).unwrap_or_else(|| canary.apex());
        let folder = text(&wanted["path"]).unwrap_or_default();
        let fits = |document: &&Document| {
            document.name() == name
                && text(&document.value["kind"]).is_some_and(|kind| kind.ends_with("Route"))
                && document.path.starts_with(&folder)
        };
        let route = nearest(&canary.path, documents.iter().filter(fits))
            .ok_or_else(|| format!("no route {name} below `{folder}`"))?;
        let mut rules = 0;
        for rule in sequence(&route.value["spec"]["rules"]) {
            if !wanted["rule"].is_null() && rule["name"] != wanted["rule"] {
                continue;
            }
            if let Some(weights) = canary.weights(&rule) {
                same(&route.path, weights, routed)?;
                rules += 1;
            }
        }
        if rules == 0 {
            return Err(format!("{} leads nowhere", route.path));
        }
    }
    Ok(())
}

/// Whoever gets requests has pods. Workloads that are patched are left to a look at what is built.
fn check_pods(canary: &Document, documents: &[Document]) -> Result<(), String> {
    let target = text(&canary.value["spec"]["targetRef"]["name"]).unwrap_or_default();
    let primary = format!("{target}-primary");
    let routed = &canary.value["status"]["routed"];
    for (side, name) in [("canary", target), ("primary", primary)] {
        let gets = routed[side].as_i64().unwrap_or(0) > 0;
        let whole = |document: &&Document| {
            let kind = text(&document.value["kind"]).unwrap_or_default();
            ["Deployment", "DaemonSet"].contains(&&*kind) && document.name() == name
        };
        let found: Vec<&Document> = documents.iter().filter(whole).collect();
        if let ([one], true) = (found.as_slice(), gets)
            && one.has_no_pods()
        {
            return Err(format!("{name} gets requests and has no pods"));
        }
    }
    Ok(())
}

impl Document {
    pub(crate) fn is(&self, kind: &str, name: &str) -> bool {
        self.value["kind"] == kind && self.name() == name
    }

    pub(crate) fn name(&self) -> String {
        text(&self.value["metadata"]["name"]).unwrap_or_default()
    }

    pub(crate) fn namespace(&self) -> Option<String> {
        text(&self.value["metadata"]["namespace"])
    }

    /// Of a workload: scaled to zero.
    pub(crate) fn has_no_pods(&self) -> bool {
        let spec = &self.value["spec"];
        let selector = &spec["template"]["spec"]["nodeSelector"];
        spec["replicas"] == 0 || !selector["flagger.app/scale-to-zero"].is_null()
    }

    /// Of a Canary: the public name.
    pub(crate) fn apex(&self) -> String {
        let spec = &self.value["spec"];
        let names = [&spec["service"]["name"], &spec["targetRef"]["name"]];
        names.into_iter().find_map(text).unwrap_or_default()
    }

    /// Of a Canary: the weights of primary and canary in a rule that leads to both.
    pub(crate) fn weights(&self, rule: &Value) -> Option<(Option<i64>, Option<i64>)> {
        let apex = self.apex();
        let weight = |side: &str| {
            let name = format!("{apex}-{side}");
            let backends = sequence(&rule["backendRefs"]);
            let found = backends
                .into_iter()
                .find(|backend| backend["name"] == *name)?;
            Some(found["weight"].as_i64())
        };
        Some((weight("primary")?, weight("canary")?))
    }
}

/// The one whose folder has most in common with `path`.
fn nearest<'a>(path: &str, documents: impl Iterator<Item = &'a Document>) -> Option<&'a Document> {
    let common = |document: &&Document| {
        let pairs = document.path.split('/').zip(path.split('/'));
        pairs.take_while(|(one, other)| one == other).count()
    };
    documents.max_by_key(common)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, one: T, other: T) -> Result<(), String> {
    match one == other {
        true => Ok(()),
        false => Err(format!("{what}: {one:?} and {other:?}")),
    }
}

/// A scalar as text; `None` for null.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

pub(crate) fn sequence(value: &Value) -> Vec<Value> {
    value.as_sequence().cloned().unwrap_or_default()
}

/// The documents of a file; none when it cannot be read.
pub(crate) fn read(path: &str, text: &str) -> Vec<Document> {
    if !path.ends_with(".yaml") && !path.ends_with(".yml") {
        return Vec::new();
    }
    let values: Result<Vec<Value>, _> = serde_yaml::Deserializer::from_str(text)
        .map(Value::deserialize)
        .collect();
    let document = |value| Document {
        path: path.to_owned(),
        value,
    };
    values
        .unwrap_or_default()
        .into_iter()
        .map(document)
        .collect()
}

/// The files of a commit, by path.
pub(crate) fn files(repository: &Repository, commit: &Commit<'_>) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let tree = commit.tree().unwrap();
    tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
        if entry.kind() == Some(ObjectType::Blob) {
            let blob = repository.find_blob(entry.id()).unwrap();
            let text = String::from_utf8_lossy(blob.content()).into_owned();
            files.insert(format!("{folder}{}", entry.name().unwrap()), text);
        }
        git2::TreeWalkResult::Ok
    })
    .unwrap();
    files
}
