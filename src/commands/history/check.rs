//! Do trailers, status and routes of every step agree?

use jiff::SignedDuration;

use crate::api::{Phase, Status, Traffic};
use crate::decide::Facts;
use crate::error::Result;
use crate::render;
use crate::repo::git::{Oid, Repository};
use crate::repo::history::Written;
use crate::repo::inventory::Inventory;
use crate::repo::rollout::{self, Rollout};
use crate::report::history::Finding;

use super::{Moment, Trailers, finding};

/// Judges every step, oldest first: how many there were, and what does not agree.
///
/// # Errors
/// When an object cannot be read.
pub(super) async fn all(
    repository: &Repository,
    moments: &[Moment],
    only: Option<&str>,
) -> Result<(usize, Vec<Finding>)> {
    let mut checked = 0;
    let mut findings = Vec::new();
    for moment in moments {
        let Some(trailers) = Trailers::of(&moment.past) else {
            continue;
        };
        let Some(canary) = trailers.get("Canary") else {
            continue;
        };
        if only.is_some_and(|only| only != canary) {
            continue;
        }
        checked += 1;
        let step = Step {
            repository,
            moment,
            trailers,
            canary,
        };
        let messages = step.judge().await?.into_iter();
        findings.extend(messages.map(|message| finding(&moment.past, canary, message)));
    }
    Ok((checked, findings))
}

/// A commit with trailers.
struct Step<'a> {
    repository: &'a Repository,
    moment: &'a Moment,
    trailers: Trailers<'a>,
    canary: &'a str,
}

/// The state of one Canary in one commit, apart from its status.
struct State {
    status: Option<Status>,
    /// What the manifests say, or why that cannot be told.
    found: Result<(Facts, Vec<String>), String>,
}

impl Step<'_> {
    /// What does not agree.
    async fn judge(&self) -> Result<Vec<String>> {
        let mut wrong = self.others();
        let state = self.state(self.moment.past.id).await?;
        let Some(state) = state else {
            // The route of a Canary that somebody removed is still brought back.
            if self.moment.before.contains_key(self.canary) {
                wrong.push("removes its own Canary".to_owned());
            }
            return Ok(wrong);
        };
        if let Some(Written::Unreadable(why)) = self.moment.after.get(self.canary) {
            wrong.push(format!("the status cannot be read: {why}"));
            return Ok(wrong);
        }
        let status = state.status.clone().unwrap_or_default();
        wrong.extend(self.trailers_differ(&status));
        match &state.found {
            Ok((facts, routes)) => {
                wrong.extend(self.routes_differ(&status, facts, routes));
                wrong.extend(self.revision_differs(&status, facts).await?);
            }
            Err(why) => wrong.push(format!("what it acts on cannot be read: {why}")),
        }
        if let Some(Written::Status(before)) = self.before() {
            wrong.extend(out_of_order(before, &status));
        }
        Ok(wrong)
    }

    /// The status before; `None` when the step left the Canary's file alone.
    fn before(&self) -> Option<&Written> {
        self.moment.before.get(self.canary)
    }

    /// A step is about one Canary.
    fn others(&self) -> Vec<String> {
        let ids = self.moment.canaries().into_iter();
        ids.filter(|id| *id != self.canary)
            .map(|other| format!("changes the status of {other}, too"))
            .collect()
    }

    /// Trailers and status, word for word.
    fn trailers_differ(&self, status: &Status) -> Vec<String> {
        let weight = status.routed.map(|routed| routed.canary.to_string());
        let phase = status.phase.map(|phase| phase.to_string());
        let expected = [
            ("Phase", phase),
            ("Canary-Weight", weight),
            ("Iterations", Some(status.iterations.to_string())),
            ("Failed-Checks", Some(status.failed_checks.to_string())),
        ];
        let differs = |(key, expected): &(&str, Option<String>)| {
            let found = self.trailers.get(key);
            (found != expected.as_deref()).then(|| {
                let shown = |text: Option<&str>| text.unwrap_or("nothing").to_owned();
                let (found, expected) = (shown(found), shown(expected.as_deref()));
                format!("trailer {key} says {found}, the status says {expected}")
            })
        };
        expected.iter().filter_map(differs).collect()
    }

    /// The weights that were recorded, and those of the routes. A route that
    /// somebody else changed before is not this step's doing.
    fn routes_differ(&self, status: &Status, facts: &Facts, routes: &[String]) -> Option<String> {
        let recorded = status.routed?;
        if facts.routed.agrees_with(recorded) {
            return None;
        }
        let before = match self.before() {
            Some(Written::Status(before)) => before.routed,
            Some(Written::Nothing | Written::Unreadable(_)) => None,
            None => Some(recorded),
        };
        let changed = &self.moment.past.changed;
        let touched = routes.iter().any(|route| changed.contains(route));
        if before == Some(recorded) && !touched {
            return None;
        }
        let (said, found) = (shown(recorded), facts.routed.traffic());
        Some(match &facts.routed {
            crate::decide::Routed::Missing => format!("the status says {said}, there is no route"),
            crate::decide::Routed::Even(_) => {
                format!("the status says {said}, the route says {}", shown(found))
            }
            crate::decide::Routed::Uneven(rules) => {
                let rules: Vec<String> = rules.iter().copied().map(shown).collect();
                let rules = rules.join(" and ");
                format!("the status says {said}, the rules of the routes say {rules}")
            }
        })
    }

    /// The trailer is the revision of the target, in this commit or the one that
    /// was read; a later version may compute another one, but not for the run.
    async fn revision_differs(&self, status: &Status, facts: &Facts) -> Result<Option<String>> {
        let Some(said) = self.trailers.get("Revision") else {
            return Ok(Some("has no trailer Revision".to_owned()));
        };
        if said == facts.revision || said == status.last_applied_spec {
            return Ok(None);
        }
        if let Some(parent) = self.moment.past.parent
            && let Some(state) = self.state(parent).await?
            && let Ok((facts, _)) = state.found
            && facts.revision == said
        {
            return Ok(None);
        }
        let (target, run) = (&facts.revision, &status.last_applied_spec);
        Ok(Some(format!(
            "trailer Revision says {said}, the target is {target} and the status says {run}"
        )))
    }

    /// What `commit` says about the Canary; `None` when it has none of this name.
    async fn state(&self, commit: Oid) -> Result<Option<State>> {
        let inventory = Inventory::load(self.repository.files(commit).await?)?;
        let mut canaries = inventory.canaries().iter();
        let Some(manifest) = canaries.find(|canary| canary.id() == self.canary) else {
            return Ok(None);
        };
        let status = manifest.value.get("status").cloned();
        let found = rollout::resolve(&inventory, manifest, self.moment.past.time)
            .and_then(|rollout| Ok((render::facts(&rollout)?, routes(&rollout))));
        Ok(Some(State {
            status: status.and_then(|status| serde_yaml::from_value(status).ok()),
            found: found.map_err(|error| {
                let places = error
                    .diagnostics()
                    .iter()
                    .map(|place| place.message.clone());
                let all: Vec<String> = std::iter::once(error.chain()).chain(places).collect();
                all.join("; ")
            }),
        }))
    }
}

/// The files of the routes.
fn routes(rollout: &Rollout) -> Vec<String> {
    let routes = rollout.routes.iter();
    routes
        .filter_map(|site| Some(site.manifest.as_ref()?.path().to_owned()))
        .collect()
}

fn shown(traffic: Traffic) -> String {
    let mirrored = match traffic.mirrored {
        true => " mirrored",
        false => "",
    };
    format!("{}/{}{mirrored}", traffic.primary, traffic.canary)
}

/// What no step makes of a state. Only what is certain: a person's command may
/// lead where the engine alone does not.
fn out_of_order(before: &Status, after: &Status) -> Option<String> {
    use Phase::{
        Failed, Finalising, Initialized, Initializing, Progressing, Promoting, Succeeded,
        Terminated, Terminating, Waiting, WaitingPromotion,
    };
    let (from, to) = (before.phase?, after.phase);
    let Some(to) = to else {
        return Some(format!("takes the phase {from} away"));
    };
    let never: &[Phase] = match from {
        Initializing => &[
            Waiting,
            Progressing,
            WaitingPromotion,
            Promoting,
            Finalising,
        ],
        Initialized | Succeeded | Failed | Waiting => {
            &[Initializing, WaitingPromotion, Promoting, Finalising]
        }
        Progressing | WaitingPromotion => &[Initializing, Initialized],
        Promoting => &[Initializing, Initialized, Waiting, WaitingPromotion],
        Finalising => &[
            Initializing,
            Initialized,
            Waiting,
            WaitingPromotion,
            Promoting,
        ],
        Terminating | Terminated => &[],
    };
    if never.contains(&to) {
        return Some(format!("leads from {from} to {to}, which no step does"));
    }
    let idle = matches!(to, Initialized | Succeeded);
    let routed = after.routed.filter(|routed| idle && routed.canary > 0);
    if let Some(routed) = routed {
        return Some(format!("is {to} with the weights {}", shown(routed)));
    }
    let (last, next) = (before.last_step_time?, after.last_step_time);
    let Some(next) = next else {
        return Some("takes lastStepTime away".to_owned());
    };
    // Clocks differ a little.
    let back = last.duration_since(next) > SignedDuration::from_mins(10);
    back.then(|| format!("takes lastStepTime back from {last} to {next}"))
}
