//! Weights and what else a step changes in the routes.

use super::Editor;
use super::place::Change;
use crate::api::{FieldPath, Traffic};
use crate::error::Result;
use crate::render::changes::Changes;
use crate::render::route::{self, RouteState};
use crate::render::workload::get;
use crate::repo::inventory::is_below;
use crate::repo::manifest::{Manifest, ParsedFile};
use crate::repo::rollout::RouteSite;

impl Editor<'_> {
    pub(super) fn set_traffic(&mut self, traffic: Traffic) -> Result<()> {
        self.steer(traffic, false)
    }

    /// Only a route that was generated is brought up to date; any other keeps
    /// what it has.
    pub(super) fn update_route(&mut self, traffic: Traffic) -> Result<()> {
        self.steer(traffic, true)
    }

    fn steer(&mut self, traffic: Traffic, update: bool) -> Result<()> {
        let mut added: Vec<String> = Vec::new();
        let mut made_from = None;
        for site in &self.rollout.routes {
            let (rules, checksum) = self.steer_one(site, traffic, update)?;
            // They are known by checksum, and routes may have the same ones.
            let new = rules.into_iter().filter(|rule| !added.contains(rule));
            let new: Vec<String> = new.collect();
            added.extend(new);
            made_from = made_from.or(checksum);
        }
        self.note(added, made_from);
        Ok(())
    }

    /// The checksums of added rules, and of what a generated route is made from.
    fn steer_one(
        &mut self,
        site: &RouteSite,
        traffic: Traffic,
        update: bool,
    ) -> Result<(Vec<String>, Option<String>)> {
        let state = self.state(site, traffic);
        let canary = &site.canary;
        let spec = &canary.spec;
        let Some(existing) = &site.manifest else {
            let object = route::route(spec, self.namespace(), &state);
            self.create("httproute", spec.apex(), &object)?;
            let added = route::added_rules(spec, &state);
            return Ok((added, Some(route::checksum(spec))));
        };
        if self.is_shared_route(existing) {
            return Ok((self.patch_route(site, existing, &state)?, None));
        }
        let generated = route::is_generated(canary, existing);
        let mut added = Vec::new();
        self.edit(existing, |stream| {
            added = match update && generated {
                true => route::update(stream, canary, existing, &state)?,
                false => route::set(stream, canary, existing, &state)?,
            };
            Ok(())
        })?;
        let made_from = match update {
            true => Some(route::checksum(spec)),
            false => canary
                .status
                .as_ref()
                .and_then(|status| status.generated_route.clone()),
        };
        Ok((added, made_from.filter(|_| generated)))
    }

    /// Does the route stand in a base that others have, too? One that is named in
    /// `spec.gitops.routes` may stand anywhere.
    pub(super) fn is_shared_route(&self, route: &Manifest) -> bool {
        let named = self.rollout.canary.spec.gitops().routes.is_some();
        let bases = self
            .rollout
            .home
            .iter()
            .flat_map(|home| home.chain.iter().skip(1));
        let mut bases = bases.map(Manifest::folder);
        self.is_shared(route) && (!named || bases.any(|base| is_below(route.path(), base)))
    }

    /// Writes the rules of a shared route into a patch, all of them: Kustomize
    /// knows no way to merge them.
    fn patch_route(
        &mut self,
        site: &RouteSite,
        route: &Manifest,
        state: &RouteState,
    ) -> Result<Vec<String>> {
        let mut scratch = Changes::default();
        let mut added = Vec::new();
        scratch.edit(self.files, route, |stream| {
            added = route::set(stream, &site.canary, route, state)?;
            Ok(())
        })?;
        let rules = match scratch.texts().get(route.path()) {
            Some(text) => {
                let parsed = ParsedFile::parse(route.path(), text.as_bytes())?;
                let document = parsed.stream.documents().get(route.document);
                let value = document.and_then(|document| document.to_value().ok());
                value.and_then(|value| get(&value, &["spec", "rules"]).cloned())
            }
            None => get(&route.value, &["spec", "rules"]).cloned(),
        };
        let path = FieldPath::root().key("spec").key("rules");
        let change = Change::Set(path, rules.unwrap_or_default());
        self.change(route, &[change])?;
        Ok(added)
    }

    /// The route with `traffic` and the cookies of this plan.
    fn state(&self, site: &RouteSite, traffic: Traffic) -> RouteState {
        let status = self.status.as_ref().or(site.canary.status.as_ref());
        let scale = self.rollout.gateway.weight_scale();
        RouteState::new(&site.canary.spec, status, traffic).scaled(scale)
    }

    /// Notes in the status what the routes have of us. A status that would stay
    /// as it is is not written.
    fn note(&mut self, added: Vec<String>, generated: Option<String>) {
        let old = self.rollout.canary.status.clone().unwrap_or_default();
        let is_known = old.added_rules == added && old.generated_route == generated;
        if self.status.is_none() && is_known {
            return;
        }
        let status = self.status.get_or_insert(old);
        status.added_rules = added;
        status.generated_route = generated;
    }
}
