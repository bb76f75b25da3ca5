//! The repository in memory, and the clock: what a scenario runs in.
//!
//! Everything is what `step` works with: the Canary with its status, the
//! target, Services, primary and route are manifests, a tick reads them,
//! decides, and edits them. Stand-ins are the target, whatever its kind (a
//! scenario tells its revision, and what is simulated is decisions and the
//! route), and the MetricTemplates (their queries are never sent).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_yaml::Value;

use super::answers::Script;
use super::input::Input;
use super::manifests;
use super::scenario::{Scenario, Tick};
use super::show::Seen;
use crate::api::{Analysis, Deferred, FieldPath, Phase, Status};
use crate::decide::{Action, Answers, Effect, Facts, Next, Plan, decide};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::render::{self, Changes};
use crate::repo::files::Files;
use crate::repo::inventory::Inventory;
use crate::repo::rollout::{self, Rollout};
use crate::yaml::to_text;

/// Where the Canary lies.
pub(super) const CANARY: &str = "canary.yaml";

/// Where the target lies.
const TARGET: &str = "target.yaml";

/// The ConfigMap that stands for all that the target uses.
const CONFIG: &str = "configmap/config";

/// Questions after which a decision counts as going in circles.
const ROUNDS: usize = 1000;

/// Commits of the bootstrap that one tick may take together.
const BOOTSTRAP: usize = 8;

/// A scenario under way.
#[derive(Debug)]
pub(super) struct World<'s> {
    pub(super) scenario: &'s Scenario,
    /// The Canary as its author sees it, patched.
    pub(super) canary: Value,
    /// Where patches of its `spec` are written, the latest last.
    pub(super) patches: Vec<FieldPath>,
    /// Every file by path.
    pub(super) files: BTreeMap<String, String>,
    now: Timestamp,
    script: Script,
    pub(super) revision: String,
    /// `None` leaves it to the status.
    config_revision: Option<String>,
    /// Has a tick been taken?
    begun: bool,
    /// Does the gateway accept the route?
    pub(super) accepted: bool,
    /// What does not keep the Canary from being carried out.
    pub(super) warnings: Vec<Diagnostic>,
}

/// The repository as a tick finds it.
#[derive(Debug)]
pub(super) struct Loaded {
    inventory: Inventory,
    pub(super) rollout: Rollout,
    pub(super) facts: Facts,
}

impl<'s> World<'s> {
    /// The world when the first tick begins.
    ///
    /// # Errors
    /// [`Kind::Document`](crate::error::Kind::Document) with every problem of
    /// Canary and templates.
    pub(super) fn new(scenario: &'s Scenario) -> Result<Self> {
        let canary = scenario.canary.clone();
        let status = status_of(&canary);
        let applied = Some(status.last_applied_spec.clone()).filter(|spec| !spec.is_empty());
        let mut world = Self {
            scenario,
            canary,
            patches: Vec::new(),
            files: BTreeMap::new(),
            now: start(&status),
            script: Script::default(),
            revision: applied.unwrap_or_else(|| "v1".to_owned()),
            config_revision: None,
            begun: false,
            accepted: true,
            warnings: Vec::new(),
        };
        world.warnings = world.check()?;
        world.write_templates()?;
        world.write(CANARY, &manifests::canary(&world.canary))?;
        world.write_target(&world.revision.clone())?;
        let begun = status
            .phase
            .is_some_and(|phase| phase != Phase::Initializing);
        if begun {
            world.stand_at(&status)?;
        }
        Ok(world)
    }

    /// One tick, one interval after the one before.
    ///
    /// # Errors
    /// [`Kind::Document`](crate::error::Kind::Document) when the Canary, as
    /// patched, cannot be carried out.
    pub(super) fn tick(&mut self, tick: &Tick, run: i64) -> Result<Seen> {
        let quiet = Input::default();
        // What is written once is not written again by a tick that is repeated.
        let input = if run == 0 { &tick.input } else { &quiet };
        if let Some(patch) = &input.spec_patch {
            self.patch(patch, &tick.path)?;
        }
        if self.begun {
            let interval = self.load()?.interval();
            self.now = self.now.saturating_add(interval).unwrap_or(self.now);
        }
        self.begun = true;
        let target = self
            .canary
            .get("spec")
            .and_then(|spec| spec.get("targetRef"));
        let kind = target.and_then(|target| target.get("kind"));
        self.script.always_ready = kind.and_then(Value::as_str) == Some("Service");
        self.script.learn(input);
        if let Some(revision) = &input.revision {
            self.write_target(revision)?;
            self.revision.clone_from(revision);
        }
        if let Some(revision) = &input.config_revision {
            self.config_revision = Some(revision.clone());
        }
        self.inject(input)?;
        let before = self.load()?;
        let plan = self.take(&before)?;
        let after = self.load()?;
        let mut seen = Seen::new(self.scenario, tick, run);
        seen.decided(&before.rollout.canary, &plan);
        seen.state(&after.rollout, &after.facts.routed);
        seen.route(&before.rollout, &after.rollout);
        seen.webhook_calls = self.script.calls();
        Ok(seen)
    }

    /// Decides and carries out. The bootstrap is done at once: what Weirkeeper
    /// spreads over commits until the route exists is one tick of Flagger's.
    fn take(&mut self, before: &Loaded) -> Result<Plan> {
        let step_time = before.status().last_step_time;
        let mut plan = self.decide(before)?;
        for _ in 0..BOOTSTRAP {
            if !is_bootstrap(&plan) {
                break;
            }
            if let Some(status) = &mut plan.status {
                status.last_step_time = step_time;
            }
            let loaded = self.load()?;
            self.apply(&loaded, &plan)?;
            plan = self.decide(&self.load()?)?;
        }
        if !self.accepted && self.needs_route(before, &plan) {
            self.script.calls();
            return self.wait_for_the_gateway(before, &plan);
        }
        let loaded = self.load()?;
        self.apply(&loaded, &plan)?;
        self.script.after(&loaded.rollout.canary, &plan);
        Ok(plan)
    }

    /// The route is not accepted: nothing goes on, but what `spec.service` says
    /// now is written; it may be what the gateway waits for.
    fn wait_for_the_gateway(&mut self, before: &Loaded, plan: &Plan) -> Result<Plan> {
        let mut waiting = Plan {
            reasons: vec!["the route is not accepted by its gateway".to_owned()],
            next_step_at: plan.next_step_at,
            ..bare(Vec::new())
        };
        if before.facts.route_outdated {
            let traffic = before.facts.routed.traffic();
            waiting.effects.push(Effect::UpdateRoute { traffic });
            waiting.status = Some(before.status());
            let loaded = self.load()?;
            self.apply(&loaded, &waiting)?;
        }
        Ok(waiting)
    }

    /// Asks the script what the decision asks for, until it is made.
    fn decide(&mut self, loaded: &Loaded) -> Result<Plan> {
        let canary = &loaded.rollout.canary;
        let mut answers = Answers::new();
        for _ in 0..ROUNDS {
            match decide(canary, &loaded.facts, &answers, self.now) {
                Next::Done(plan) => return Ok(*plan),
                Next::Ask(probes) => {
                    for probe in probes {
                        let answer = self.script.answer(canary, &probe);
                        answers.insert(probe, answer);
                    }
                }
            }
        }
        Err(Error::internal("the decision asks again and again"))
    }

    /// Does the plan come from a stage after the route's weights are read
    /// (Flagger: `GetRoutes`, which fails when the route is not accepted)?
    fn needs_route(&self, before: &Loaded, plan: &Plan) -> bool {
        let begun = before
            .status()
            .phase
            .is_some_and(|phase| phase != Phase::Initializing);
        let earlier = matches!(
            plan.action,
            Action::Idle | Action::NotDue | Action::Suspended
        );
        let cancelled = plan.action == Action::Succeeded
            && before.facts.revision == before.status().last_promoted_spec;
        let skips = before.rollout.canary.spec.skips_analysis();
        begun && !earlier && !cancelled && (skips || self.script.primary_is_ready())
    }

    /// Reads the repository.
    pub(super) fn load(&self) -> Result<Loaded> {
        let inventory = Inventory::load(Files::in_memory(self.files.clone()))?;
        let [manifest] = inventory.canaries() else {
            let error = inventory.broken().first().map(Error::again);
            return Err(error.unwrap_or_else(|| Error::internal("the Canary is gone")));
        };
        let resolved = rollout::resolve(&inventory, manifest, self.now);
        let rollout = resolved.map_err(|error| self.at_home(&error))?;
        let mut facts = render::facts(&rollout).map_err(|error| self.at_home(&error))?;
        facts.revision.clone_from(&self.revision);
        facts.configs = match &self.config_revision {
            Some(revision) => BTreeMap::from([(CONFIG.to_owned(), revision.clone())]),
            None => rollout
                .canary
                .status
                .as_ref()
                .map_or_else(BTreeMap::new, |status| status.tracked_configs.clone()),
        };
        Ok(Loaded {
            inventory,
            rollout,
            facts,
        })
    }

    /// Carries out a plan.
    pub(super) fn apply(&mut self, loaded: &Loaded, plan: &Plan) -> Result<()> {
        let mut changes = Changes::default();
        render::apply(
            plan,
            &loaded.rollout,
            loaded.inventory.files(),
            &mut changes,
        )
        .map_err(|error| self.at_home(&error))?;
        for (path, text) in changes.texts() {
            self.files.insert(path.clone(), text.clone());
        }
        Ok(())
    }

    pub(super) fn write(&mut self, path: &str, object: &Value) -> Result<()> {
        let text = to_text(object)
            .ok_or_else(|| Error::internal(format!("{path} cannot be written as YAML")))?;
        self.files.insert(path.to_owned(), text);
        Ok(())
    }

    /// The target at a revision; everything else of it stays.
    pub(super) fn write_target(&mut self, revision: &str) -> Result<()> {
        let replicas = self.files.get(TARGET).and_then(|text| {
            let value: Value = serde_yaml::from_str(text).ok()?;
            value.get("spec")?.get("replicas").cloned()
        });
        let object = manifests::target(&self.canary, revision, replicas);
        self.write(TARGET, &object)
    }

    /// Templates that are given, and stand-ins for those that are not.
    pub(super) fn write_templates(&mut self) -> Result<()> {
        let given = self.scenario.templates.iter();
        let mut templates: Vec<Value> = given.map(manifests::template).collect();
        templates.extend(manifests::missing_templates(&self.canary, &templates));
        for (index, template) in templates.iter().enumerate() {
            self.write(&format!("metric-template-{index}.yaml"), template)?;
        }
        Ok(())
    }
}

impl Loaded {
    fn status(&self) -> Status {
        self.rollout.canary.status.clone().unwrap_or_default()
    }

    fn interval(&self) -> SignedDuration {
        let analysis = self.rollout.canary.spec.analysis.as_ref();
        analysis.map_or(Analysis::INTERVAL, Analysis::interval)
    }
}

/// When the first tick is: the same for every scenario, and one that begins in
/// the middle of a run is due.
fn start(status: &Status) -> Timestamp {
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    let epoch = Timestamp::from_second(1_767_225_600).unwrap_or_default();
    let last = status.last_step_time;
    let after = last.and_then(|last| last.saturating_add(DAY).ok());
    after.map_or(epoch, |after| after.max(epoch))
}

pub(super) fn status_of(canary: &Value) -> Status {
    let status = canary.get("status").cloned().unwrap_or_default();
    serde_yaml::from_value(status).unwrap_or_default()
}

/// Does the plan only create what the initialisation waits for?
fn is_bootstrap(plan: &Plan) -> bool {
    let creates =
        |effect: &Effect| matches!(effect, Effect::CreatePrimary | Effect::EnsureServices);
    plan.action == Action::Held
        && plan.phase == Some(Phase::Initializing)
        && plan.effects.iter().any(creates)
}

/// A plan that nobody decided.
pub(super) fn bare(effects: Vec<Effect>) -> Plan {
    Plan {
        effects,
        ..Plan::bare(Action::Held)
    }
}

/// Does the target run? What is decided counts, carried out or not.
pub(super) fn is_scaled_down(rollout: &Rollout) -> bool {
    let status = rollout.canary.status.as_ref();
    let deferred =
        status.is_some_and(|status| status.deferred.contains(&Deferred::ScaleCanaryToZero));
    let copied = rollout.release.copied();
    let replicas = copied.and_then(|copied| copied.built.get("spec"));
    let replicas = replicas.and_then(|spec| spec.get("replicas")?.as_i64());
    deferred || replicas == Some(0)
}
