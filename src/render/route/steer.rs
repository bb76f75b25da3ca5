//! What a state of the release asks of the rules of a route, on plain data.

use serde_yaml::{Mapping, Value};

use super::affinity::{self, Cookie, Ours};
use super::filters::{add_cookie, edit_list, is_mirror, mirror_of, remove_cookies};
use super::matches::{self, Merge};
use super::{RouteKind, RouteState, Subject, is_service};
use crate::api::{SessionAffinity, Traffic};

/// A rule of the route, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    /// The rule.
    pub(super) rule: Value,
    /// Its place among the base rules; `None` when it is added.
    pub(super) base: Option<usize>,
    /// The weights it is given; `None` when it is left alone.
    pub(super) traffic: Option<Traffic>,
}

/// Takes the rules of a route from what they are to one state.
pub(super) struct Steering<'a> {
    subject: &'a Subject<'a>,
    state: &'a RouteState,
    /// `analysis.match`.
    conditions: Vec<Value>,
    affinity: Option<&'a SessionAffinity>,
    /// What tells our cookies, also those of earlier runs.
    cookies: Ours,
    /// Are filters that mirror to the canary ours?
    owns_mirror: bool,
}

impl<'a> Steering<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, state: &'a RouteState) -> Self {
        let analysis = subject.spec.analysis.as_ref();
        let conditions = analysis.map(|analysis| analysis.matches());
        let has_filters = subject.kind != RouteKind::Plain;
        let affinity = affinity::affinity(subject.spec).filter(|_| has_filters);
        Self {
            conditions: matches::conditions(conditions.unwrap_or_default(), subject.kind),
            affinity,
            cookies: Ours::of(subject.spec, subject.status),
            owns_mirror: has_filters && subject.owns_mirror(),
            subject,
            state,
        }
    }

    /// The rules that are wanted for the base rules `base`. The order of the
    /// base rules stays; rules are added directly before the one they belong to.
    pub(super) fn steer(&self, base: &[Value]) -> Vec<Placed> {
        let is_weighted = |rule: &&Value| self.subject.is_weighted(rule);
        let mut weighted = base.iter().filter(is_weighted);
        let is_carried = weighted.any(|rule| matches::carries(rule, &self.conditions));
        let mut wanted = Vec::new();
        for (index, rule) in base.iter().enumerate() {
            let left_alone = || Placed {
                rule: rule.clone(),
                base: Some(index),
                traffic: None,
            };
            match rule.as_mapping().filter(|_| is_weighted(&rule)) {
                Some(mapping) => {
                    let bare = self.bare(mapping);
                    wanted.extend(self.added(&bare, is_carried));
                    wanted.push(self.steered(bare, index, is_carried));
                }
                None => wanted.push(left_alone()),
            }
        }
        wanted
    }

    /// A weighted rule, by its place among `base`, and the header or parameter on
    /// which it asks for something else than the rules to be added beside it.
    pub(super) fn clash(&self, base: &[Value]) -> Option<(usize, String)> {
        let carries = |rule: &Value| matches::carries(rule, &self.conditions);
        let weighted = base.iter().enumerate();
        let mut weighted = weighted.filter(|(_, rule)| self.subject.is_weighted(rule));
        if weighted.clone().any(|(_, rule)| carries(rule)) {
            return None;
        }
        let cookie = self.state.cookies.canary.as_ref().map(Cookie::condition);
        let cookie = cookie.filter(|_| self.conditions.is_empty());
        let conditions: Vec<Value> = self.conditions.iter().cloned().chain(cookie).collect();
        weighted.find_map(|(index, rule)| Some((index, matches::clash(rule, &conditions)?)))
    }

    /// The rule without what earlier steps added to it.
    fn bare(&self, rule: &Mapping) -> Mapping {
        let mut bare = rule.clone();
        if self.owns_mirror {
            edit_list(&mut bare, "filters", |filters| {
                filters.retain(|filter| !is_mirror(filter, &self.subject.canary));
            });
        }
        if !self.cookies.is_empty() {
            self.each_backend(&mut bare, |_, backend| {
                remove_cookies(backend, &self.cookies);
            });
        }
        bare
    }

    /// The weighted rule itself.
    fn steered(&self, mut rule: Mapping, index: usize, is_carried: bool) -> Placed {
        let is_tested = self.conditions.is_empty()
            || (is_carried && matches::carries(&rule.clone().into(), &self.conditions));
        let traffic = match is_tested {
            true => self.state.traffic,
            false => Traffic::PRIMARY,
        };
        self.weigh(&mut rule, traffic);
        if self.affinity.is_some() && traffic.canary > 0 {
            self.set_cookies(&mut rule);
        }
        if is_tested {
            self.mirror(&mut rule);
        }
        Placed {
            rule: rule.into(),
            base: Some(index),
            traffic: Some(traffic),
        }
    }

    /// The rules that come before a weighted rule.
    fn added(&self, rule: &Mapping, is_carried: bool) -> Vec<Placed> {
        let traffic = self.state.traffic;
        let cookies = &self.state.cookies;
        if !self.conditions.is_empty() {
            let is_needed = traffic.canary > 0 || traffic.mirrored;
            return match is_carried || !is_needed {
                true => Vec::new(),
                false => vec![self.copy(rule, &self.conditions, traffic)],
            };
        }
        if self.affinity.is_none() {
            return Vec::new();
        }
        let sticky = |cookie: &Option<Cookie>, traffic: Traffic| {
            let condition = [cookie.as_ref()?.condition()];
            Some(self.copy(rule, &condition, traffic))
        };
        let mirrored = traffic.mirrored;
        let all = |traffic: Traffic| Traffic {
            mirrored,
            ..traffic
        };
        if traffic.canary > 0 {
            let canary = sticky(&cookies.canary, all(Traffic::CANARY));
            let primary = sticky(self.primary_cookie(), all(Traffic::PRIMARY));
            return canary.into_iter().chain(primary).collect();
        }
        let previous = cookies.previous.as_ref().filter(|_| self.subject.generated);
        let forget = previous.and_then(|previous| {
            let mut copy = sticky(&cookies.previous, all(Traffic::PRIMARY))?;
            let rule = copy.rule.as_mapping_mut()?;
            add_cookie(rule, &previous.unset());
            Some(copy)
        });
        forget.into_iter().collect()
    }

    /// A copy of a weighted rule that takes only what `conditions` hold for.
    fn copy(&self, rule: &Mapping, conditions: &[Value], traffic: Traffic) -> Placed {
        let whole = Value::from(rule.clone());
        let service = self.subject.spec.service.as_ref();
        let is_default = service
            .is_none_or(|service| service.matches.iter().flatten().count() == 0)
            && matches::takes_everything(&whole);
        let how = match self.subject.generated {
            true => Merge::Replace,
            false => Merge::Extend,
        };
        let found = super::list(Some(&whole), "matches");
        let matches = match is_default && self.conditions.is_empty() {
            true => conditions.to_vec(),
            false => matches::merged(conditions, found, how),
        };
        let mut copy = Mapping::new();
        copy.insert("matches".into(), Value::Sequence(matches));
        for (key, value) in rule {
            // Names are unique in a route.
            if !matches!(key.as_str(), Some("matches" | "name")) {
                copy.insert(key.clone(), value.clone());
            }
        }
        self.weigh(&mut copy, traffic);
        self.mirror(&mut copy);
        Placed {
            rule: copy.into(),
            base: None,
            traffic: Some(traffic),
        }
    }

    fn weigh(&self, rule: &mut Mapping, traffic: Traffic) {
        let (primary, canary) = self.state.written(traffic);
        self.each_backend(rule, |is_canary, backend| {
            let weight = match is_canary {
                true => canary,
                false => primary,
            };
            backend.insert("weight".into(), weight.into());
        });
    }

    fn set_cookies(&self, rule: &mut Mapping) {
        let Some(affinity) = self.affinity else {
            return;
        };
        let cookies = &self.state.cookies;
        self.each_backend(rule, |is_canary, backend| {
            let (cookie, age) = match is_canary {
                true => (&cookies.canary, affinity::max_age(affinity)),
                false => (
                    self.primary_cookie(),
                    affinity::primary_max_age(self.subject.spec),
                ),
            };
            if let Some(cookie) = cookie {
                add_cookie(backend, &cookie.set(affinity, age));
            }
        });
    }

    /// The cookie of the primary, where the route has one.
    fn primary_cookie(&self) -> &Option<Cookie> {
        match self.subject.generated && self.subject.spec.is_v1beta1() {
            true => &None,
            false => &self.state.cookies.primary,
        }
    }

    fn mirror(&self, rule: &mut Mapping) {
        if !self.state.traffic.mirrored {
            return;
        }
        let whole = Value::from(rule.clone());
        let mirror = mirror_of(&whole, &self.subject.canary);
        edit_list(rule, "filters", |filters| filters.extend(mirror));
    }

    /// Changes the backends of primary (false) and canary (true).
    fn each_backend(&self, rule: &mut Mapping, mut change: impl FnMut(bool, &mut Mapping)) {
        let Some(Value::Sequence(backends)) = rule.get_mut("backendRefs") else {
            return;
        };
        for backend in backends {
            let is_canary = is_service(backend, &self.subject.canary);
            if !is_canary && !is_service(backend, &self.subject.primary) {
                continue;
            }
            if let Some(backend) = backend.as_mapping_mut() {
                change(is_canary, backend);
            }
        }
    }
}

/// Checksums of the added ones of `rules`.
pub(super) fn added(rules: &[Placed]) -> Vec<String> {
    let added = rules.iter().filter(|placed| placed.base.is_none());
    added
        .map(|placed| matches::checksum(&placed.rule))
        .collect()
}

impl Subject<'_> {
    /// Are the filters that mirror to the canary ours? Only when the status says
    /// that we wrote them.
    pub(super) fn owns_mirror(&self) -> bool {
        let routed = self.status.and_then(|status| status.routed);
        routed.is_some_and(|routed| routed.mirrored)
    }
}
