//! `plan`: what the next step would do, and the schedule ahead.

use serde::Serialize;
use tokio::time::Instant;

use super::{Streams, git_options, shard, work_tree};
use crate::Choice;
use crate::cli::{self, Format};
use crate::decide::{Milestone, schedule};
use crate::error::{Error, Result};
use crate::github::GitHub;
use crate::observe::Observer;
use crate::render::{self, Changes};
use crate::repo::ancestry::History;
use crate::repo::files::Files;
use crate::repo::git::Repository;
use crate::repo::inventory::Inventory;
use crate::report::{Outcome, Run, text};
use crate::settings::{GithubSettings, MetricsSettings, Settings, duration};
use crate::tick::{Asking, Cluster, Tree, decide_all, within};

/// The plan of one Canary.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    #[serde(flatten)]
    outcome: Outcome,
    /// Files the step would change.
    files: Vec<String>,
    /// What follows if every check passes.
    schedule: Vec<Milestone>,
}

/// The plans of all Canaries.
#[derive(Debug, Serialize)]
struct Plans {
    version: u32,
    results: Vec<Planned>,
    errors: Vec<Error>,
}

pub(super) async fn run(
    options: &cli::Plan,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let deadline = duration("--deadline", &options.deadline)?;
    let metrics = MetricsSettings::new(&options.metrics, &settings.environment)?;
    let inventory = Inventory::load(Files::in_folder(&work_tree(settings)?)?)?;
    let repository = Repository::open(&settings.repo, git_options(settings)).await;
    // Without a repository, nobody can tell what the cluster runs of the files.
    let repository = repository.ok();
    let github = github(settings, repository.as_ref())?;
    let cluster = cluster(repository.as_ref(), &github).await?;
    let tree = Tree::new(inventory, cluster)?;
    let observer = Observer::new(metrics);
    let asking = Asking::harmless(&observer, deadline);
    let choice = Choice {
        only: options.select.only.clone(),
        shard: shard(&options.shard)?,
    };
    let work = plans(&tree, &asking, &choice, settings);
    let plans = within(Instant::now() + deadline, deadline, work).await?;
    match settings.format {
        Format::Json => streams.json(&plans)?,
        Format::Text | Format::Github => {
            if plans.results.is_empty() && plans.errors.is_empty() {
                streams.print("no Canary here: nothing to do\n")?;
            }
            for planned in &plans.results {
                streams.print(&planned.text())?;
            }
        }
    }
    for error in &plans.errors {
        streams.error(error)?;
    }
    for planned in &plans.results {
        for error in planned.outcome.errors() {
            streams.error_of(&planned.outcome.canary, error)?;
        }
    }
    Ok(Run::code_of(plans.all_errors()))
}

/// Who knows what the cluster runs: the history of what is checked out, as far as
/// it is here.
async fn cluster<'a>(
    repository: Option<&'a Repository>,
    github: &'a GitHub,
) -> Result<Option<Cluster<'a>>> {
    let Some(repository) = repository else {
        return Ok(None);
    };
    let head = repository.head().await?;
    Ok(head.map(|head| Cluster::new(History::new(repository, head), github)))
}

fn github(settings: &Settings, repository: Option<&Repository>) -> Result<GitHub> {
    let remote = repository.and_then(|repository| repository.commits_link("origin"));
    let settings = GithubSettings::new(&settings.environment, remote)?;
    Ok(GitHub::new(settings))
}

async fn plans(
    tree: &Tree<'_>,
    asking: &Asking<'_>,
    choice: &Choice,
    settings: &Settings,
) -> Result<Plans> {
    let mut results = Vec::new();
    for decided in decide_all(tree, asking, choice, settings.now).await? {
        let mut planned = Planned {
            outcome: decided.outcome,
            files: Vec::new(),
            schedule: Vec::new(),
        };
        if let Some((rollout, plan)) = &decided.work {
            let mut changes = Changes::default();
            match render::apply(plan, rollout, tree.inventory.files(), &mut changes) {
                Ok(()) => planned.files = changes.texts().keys().cloned().collect(),
                Err(error) => planned.outcome.error = Some(error),
            }
            planned.schedule = schedule(&rollout.canary, &tree.facts(rollout)?, settings.now);
        }
        results.push(planned);
    }
    Ok(Plans {
        version: crate::report::VERSION,
        results,
        errors: tree.inventory.broken().iter().map(Error::again).collect(),
    })
}

impl Plans {
    fn all_errors(&self) -> impl Iterator<Item = &Error> {
        let results = self.results.iter();
        let of_results = results.flat_map(|planned| planned.outcome.errors());
        self.errors.iter().chain(of_results)
    }
}

impl Planned {
    fn text(&self) -> String {
        let mut text = text::outcome(&self.outcome);
        for file in &self.files {
            text.push_str(&format!("  would change {file}\n"));
        }
        if !self.schedule.is_empty() {
            text.push_str("  schedule, if every check passes:\n");
        }
        for step in &self.schedule {
            let weights = step.traffic.map(|traffic| {
                let mirrored = if traffic.mirrored { " mirrored" } else { "" };
                format!("{}/{}{mirrored}", traffic.primary, traffic.canary)
            });
            let phase = step.phase.map(|phase| phase.to_string());
            text.push_str(&format!(
                "    {}  {:<13} {:>7}  {}\n",
                step.at,
                phase.unwrap_or_default(),
                weights.unwrap_or_default(),
                step.reasons.first().map_or("", String::as_str)
            ));
        }
        text
    }
}
