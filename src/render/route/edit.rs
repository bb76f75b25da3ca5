//! Edits of a route that is there already.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::steer::{Placed, Steering, added};
use super::{RouteState, Subject, backends, generate, is_service, matches, rules};
use crate::api::{Canary, FieldPath};
use crate::render::mapping;
use crate::render::weights::{self, WeightError};
use crate::repo::manifest::Manifest;
use crate::yaml::{EditError, Stream};

/// Takes the route from whatever state it is in to `state`, and returns the
/// checksums of the rules that are added then. Where no rule has both backends
/// yet, those that send everything to the apex Service are split first.
///
/// # Errors
/// When a place cannot be edited without changing something else.
pub(in crate::render) fn set(
    stream: &mut Stream,
    canary: &Canary,
    route: &Manifest,
    state: &RouteState,
) -> Result<Vec<String>, WeightError> {
    let subject = Subject::of(canary, route);
    let mut edit = Edit {
        stream,
        document: route.document,
        subject: &subject,
    };
    edit.split(state)?;
    edit.steer(state)
}

/// Brings a generated route up to what `spec.service` says now: labels,
/// annotations, parents, host names and rules. Annotations that others added stay.
///
/// # Errors
/// As [`set`].
pub(in crate::render) fn update(
    stream: &mut Stream,
    canary: &Canary,
    route: &Manifest,
    state: &RouteState,
) -> Result<Vec<String>, WeightError> {
    let spec = &canary.spec;
    let document = route.document;
    let root = FieldPath::root();
    let apex = spec.service.clone().and_then(|service| service.apex);
    let apex = apex.unwrap_or_default();
    let metadata = root.key("metadata");
    let labels = apex.labels.filter(|labels| !labels.is_empty());
    put(stream, document, &metadata, "labels", labels.map(mapping))?;
    for (key, text) in apex.annotations.into_iter().flatten() {
        let path = metadata.key("annotations").key(key);
        stream.assign(document, &path, &text.into())?;
    }
    let generated = generate::route(spec, None, state);
    let version = generated.get("apiVersion").cloned();
    put(stream, document, &root, "apiVersion", version)?;
    let wanted = generated.get("spec").and_then(Value::as_mapping);
    let wanted = wanted.cloned().unwrap_or_default();
    for key in ["parentRefs", "hostnames", "rules"] {
        let value = wanted.get(key).cloned();
        put(stream, document, &root.key("spec"), key, value)?;
    }
    Ok(added(&generate::rules(spec, state)))
}

/// Makes the value of a key what is wanted, or takes the key away.
fn put(
    stream: &mut Stream,
    document: usize,
    holder: &FieldPath,
    key: &str,
    wanted: Option<Value>,
) -> Result<(), EditError> {
    let path = holder.key(key);
    let exists = stream.documents()[document].find(&path).is_some();
    match wanted {
        Some(wanted) => stream.assign(document, &path, &wanted),
        None if exists => stream.remove_key(document, &path),
        None => Ok(()),
    }
}

struct Edit<'a> {
    stream: &'a mut Stream,
    document: usize,
    subject: &'a Subject<'a>,
}

impl Edit<'_> {
    fn rules(&self) -> Result<Vec<Value>, EditError> {
        let route = self.stream.documents()[self.document].to_value()?;
        Ok(rules(&route).to_vec())
    }

    fn path() -> FieldPath {
        FieldPath::root().key("spec").key("rules")
    }

    /// Makes of the apex backend two, in every rule that has no other: the same
    /// backend under the primary's name, and a copy of it under the canary's.
    fn split(&mut self, state: &RouteState) -> Result<(), EditError> {
        let rules = self.rules()?;
        let weights = state.written(state.traffic);
        let is_base = |rule: &Value| self.subject.is_weighted(rule) && !self.subject.is_added(rule);
        if rules.iter().any(is_base) {
            return Ok(());
        }
        for (index, rule) in rules.iter().enumerate() {
            if !self.subject.is_unsplit(rule) {
                continue;
            }
            let path = Self::path().index(index).key("backendRefs");
            let old = backends(rule).first().cloned().unwrap_or_default();
            let backend = |name: &str, weight: i64| {
                let mut backend = old.clone();
                if let Some(mapping) = backend.as_mapping_mut() {
                    mapping.insert("name".into(), name.into());
                    mapping.insert("weight".into(), weight.into());
                }
                backend
            };
            let primary = backend(&self.subject.primary, weights.0);
            let canary = backend(&self.subject.canary, weights.1);
            self.stream
                .assign(self.document, &path.index(0), &primary)?;
            self.stream.insert_item(self.document, &path, 1, &canary)?;
        }
        Ok(())
    }

    fn steer(&mut self, state: &RouteState) -> Result<Vec<String>, WeightError> {
        let rules = self.rules()?;
        let (mut positions, mut base) = (Vec::new(), Vec::new());
        for (index, rule) in rules.iter().enumerate() {
            if !self.subject.is_added(rule) {
                positions.push(index);
                base.push(rule.clone());
            }
        }
        let wanted = Steering::new(self.subject, state).steer(&base);
        self.weigh(&wanted, &positions, state)?;
        for placed in &wanted {
            if let Some(number) = placed.base.filter(|_| placed.traffic.is_some()) {
                self.filter(positions[number], &base[number], &placed.rule)?;
            }
        }
        self.add(&rules, &wanted)?;
        Ok(added(&wanted))
    }

    /// Writes the weights of base rules, together where they are the same: rules
    /// may share a list.
    fn weigh(
        &mut self,
        wanted: &[Placed],
        positions: &[usize],
        state: &RouteState,
    ) -> Result<(), WeightError> {
        let mut groups: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
        for placed in wanted {
            if let (Some(number), Some(traffic)) = (placed.base, placed.traffic) {
                let weights = state.written(traffic);
                groups.entry(weights).or_default().push(positions[number]);
            }
        }
        for ((primary, canary), rules) in groups {
            let weights = BTreeMap::from([
                (self.subject.primary.clone(), primary),
                (self.subject.canary.clone(), canary),
            ]);
            weights::set_in_rules(self.stream, self.document, &rules, &weights)?;
        }
        Ok(())
    }

    /// Writes the filters of one base rule and its backends. A backend may merge
    /// another that stands before it: so filters come last first, and go first
    /// first.
    fn filter(&mut self, position: usize, old: &Value, new: &Value) -> Result<(), EditError> {
        let rule = Self::path().index(position);
        self.put_filters(&rule, old, new)?;
        let pairs = backends(old).iter().zip(backends(new)).enumerate();
        let has_filters = |new: &Value| new.get("filters").is_some();
        let (come, go): (Vec<_>, Vec<_>) = pairs.partition(|(_, (_, new))| has_filters(new));
        for (index, (old, new)) in come.into_iter().rev().chain(go) {
            let path = rule.key("backendRefs").index(index);
            self.put_filters(&path, old, new)?;
        }
        Ok(())
    }

    /// A list that loses its last filter goes, if it stands last, where a step
    /// makes it. Elsewhere it was there before and stays, empty.
    fn put_filters(&mut self, path: &FieldPath, old: &Value, new: &Value) -> Result<(), EditError> {
        const KEY: &str = "filters";
        match new.get(KEY) {
            wanted if wanted == old.get(KEY) => Ok(()),
            None if !self.is_last(path, KEY) => {
                let empty = Value::Sequence(Vec::new());
                put(self.stream, self.document, path, KEY, Some(empty))
            }
            wanted => put(self.stream, self.document, path, KEY, wanted.cloned()),
        }
    }

    /// Is it the last key that stands in the mapping at `path` itself?
    fn is_last(&self, path: &FieldPath, key: &str) -> bool {
        let document = &self.stream.documents()[self.document];
        let entry = document.get(path).and_then(|node| node.entries().last());
        let text = entry.and_then(|entry| document.node(entry.key).scalar());
        text.is_some_and(|(text, _)| text == key)
    }

    /// Writes the added rules. Those that stay keep their place and their text.
    fn add(&mut self, rules: &[Value], wanted: &[Placed]) -> Result<(), EditError> {
        let key = |rule: &Value, is_added: bool| is_added.then(|| matches::checksum(rule));
        let found = rules
            .iter()
            .map(|rule| key(rule, self.subject.is_added(rule)));
        let found: Vec<Option<String>> = found.collect();
        let asked = wanted
            .iter()
            .map(|placed| key(&placed.rule, placed.base.is_none()));
        let asked: Vec<Option<String>> = asked.collect();
        let stays = found == asked;
        if !stays {
            let added = found.iter().enumerate().filter(|(_, key)| key.is_some());
            let added: Vec<usize> = added.map(|(index, _)| index).collect();
            for index in added.into_iter().rev() {
                self.stream
                    .remove_item(self.document, &Self::path(), index)?;
            }
        }
        for (index, placed) in wanted.iter().enumerate() {
            if placed.base.is_some() {
                continue;
            }
            match stays {
                true => {
                    let path = Self::path().index(index);
                    self.stream.assign(self.document, &path, &placed.rule)?;
                }
                false => {
                    let path = Self::path();
                    self.stream
                        .insert_item(self.document, &path, index, &placed.rule)?;
                }
            }
        }
        Ok(())
    }
}

impl Subject<'_> {
    /// Does the rule send everything to the apex Service?
    pub(super) fn is_unsplit(&self, rule: &Value) -> bool {
        match backends(rule) {
            [only] => self.is_asked_for(rule) && self.is_apex(only),
            _ => false,
        }
    }

    /// Is the backend the apex Service, on the port that primary and canary
    /// have, too?
    fn is_apex(&self, backend: &Value) -> bool {
        let namespace = backend.get("namespace").and_then(Value::as_str);
        let service = self.spec.service.as_ref();
        let port = backend.get("port").and_then(Value::as_i64);
        is_service(backend, self.spec.apex())
            && namespace.is_none_or(|found| Some(found) == self.namespace)
            && (port.is_none() || port == service.and_then(|service| service.port))
    }
}
