//! The workflow that takes steps: what its file says, and what GitHub makes of it.

mod permissions;
mod read;

use jiff::SignedDuration;

use futures_util::future::join_all;

use super::{Doctor, cron};
use crate::api::{AppliedFrom, parse_duration};
use crate::cli::CommitVia;
use crate::github::RunsOf;
use crate::report::finding::{Area, Finding, Level};
use read::Step;

pub(super) use read::{Caller, callers};

/// GitHub starts nothing more often.
const SHORTEST: SignedDuration = SignedDuration::from_mins(5);

/// How late GitHub's schedules are when nothing is wrong.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// How commits are to reach the branch, as a workflow says.
pub(super) fn via(callers: &[Caller]) -> Option<CommitVia> {
    let mut steps = callers.iter().flat_map(Caller::steps);
    steps.find_map(|(_, step)| step.via())
}

impl Doctor {
    pub(super) async fn workflow(&self, callers: &[Caller], via: CommitVia) -> Vec<Finding> {
        let takers: Vec<&Caller> = callers
            .iter()
            .filter(|caller| caller.steps().next().is_some())
            .collect();
        if takers.is_empty() {
            return vec![self.nobody()];
        }
        // Others may begin sooner: what nothing else starts, the schedule of one does.
        let scheduled = takers.iter().any(|caller| !caller.crons.is_empty());
        let all = takers.into_iter().map(async |caller| {
            let mut found = caller.schedule(self, scheduled);
            found.extend(caller.concurrency());
            for (job, step) in caller.steps() {
                found.extend(caller.permissions(job, step, &self.needs(step, via)));
                found.extend(step.credentials(job, via));
                found.extend(step.length(job));
            }
            if found.is_empty() {
                let crons = caller.crons.join("` and `");
                let told = match caller.crons.is_empty() {
                    true => "takes steps beside the schedule of another workflow".to_owned(),
                    false => format!("takes steps by the schedule `{crons}`"),
                };
                found.push(Finding::new(Area::Workflow, Level::Ok, told));
            }
            found.extend(self.at_github(caller).await);
            let about = |finding: Finding| finding.about(caller.path());
            found.into_iter().map(about).collect::<Vec<_>>()
        });
        join_all(all).await.concat()
    }

    fn nobody(&self) -> Finding {
        let found = "no workflow in .github/workflows takes steps";
        match self.github.repository() {
            Ok(_) => Finding::new(Area::Workflow, Level::Problem, found)
                .advise("weirkeeper init writes one: .github/workflows/rollouts.yml"),
            Err(_) => Finding::new(Area::Workflow, Level::Unknown, found)
                .advise("something else has to run weirkeeper step again and again"),
        }
    }

    /// What the token of the workflow needs.
    fn needs(&self, step: &Step, via: CommitVia) -> Vec<(&'static str, &'static str)> {
        let mut needs = vec![("contents", "write")];
        if step.via().unwrap_or(via) == CommitVia::PullRequest {
            needs.push(("pull-requests", "write"));
        }
        if step.has("deployments") {
            needs.push(("deployments", "write"));
        }
        if step.has("redispatch") {
            needs.push(("actions", "write"));
        }
        let by_status = |from: AppliedFrom| from == AppliedFrom::GithubStatus;
        let mut rollouts = self.measuring.rollouts.iter();
        if rollouts.any(|rollout| by_status(rollout.canary.spec.gitops().applied_from())) {
            needs.push(("statuses", "read"));
        }
        needs
    }

    /// Is it switched on, and does it run?
    async fn at_github(&self, caller: &Caller) -> Vec<Finding> {
        if let Err(unknown) = self.github_is_known(Area::Workflow) {
            return vec![unknown];
        }
        let of = RunsOf {
            event: Some("schedule"),
            since: None,
            only_count: true,
        };
        let (workflow, runs) = tokio::join!(
            self.github.workflow(&caller.file),
            self.github.runs(&caller.file, of)
        );
        let problem = |found: String| Finding::new(Area::Workflow, Level::Problem, found);
        let state = match workflow {
            Ok(Some(workflow)) => workflow.state,
            Ok(None) => {
                let finding = problem("GitHub does not know it".to_owned());
                return vec![finding.advise(
                    "push it to the default branch: schedules of other branches do not run",
                )];
            }
            Err(refused) => return vec![super::untold(Area::Workflow, refused)],
        };
        if state != "active" {
            let why = match state.as_str() {
                "disabled_inactivity" => {
                    "GitHub switched it off: there was no commit in the repository for 60 days"
                }
                "disabled_fork" => "GitHub switched it off, because this is a fork",
                _ => "somebody switched it off",
            };
            let finding = problem(format!("{why} (`{state}`)"));
            return vec![finding.advise(format!(
                "switch it on: gh workflow enable {}, or under Actions",
                caller.file
            ))];
        }
        if caller.crons.is_empty() {
            return Vec::new();
        }
        match runs {
            Ok(runs) => vec![self.last_run(caller, runs.runs.first())],
            Err(refused) => vec![super::untold(Area::Workflow, refused)],
        }
    }

    fn last_run(&self, caller: &Caller, run: Option<&crate::github::WorkflowRun>) -> Finding {
        let warning = |found: String| Finding::new(Area::Workflow, Level::Warning, found);
        let Some(run) = run else {
            return warning("its schedule has never started it".to_owned()).advise(
                "a new schedule takes an hour at times, and only that of the default branch runs",
            );
        };
        let at = run.created_at;
        let expected = cron::last(&caller.crons, self.measuring.now).unwrap_or_default();
        if let Some(third) = expected.last()
            && at.saturating_add(LATE).is_ok_and(|at| at < *third)
        {
            let found =
                format!("its schedule started it last at {at}; since {third} it was due 3 times");
            return warning(found).advise(
                "GitHub delays and drops schedules: start it by repository_dispatch from Flux, or \
                 use watch with --redispatch, which goes on by itself",
            );
        }
        match run.conclusion.as_deref() {
            None | Some("success" | "neutral" | "skipped" | "cancelled") => Finding::new(
                Area::Workflow,
                Level::Ok,
                format!("its schedule started it last at {at}"),
            ),
            Some(conclusion) => warning(format!("its last run of {at} ended with `{conclusion}`"))
                .advise(format!("look at {}", run.html_url)),
        }
    }
}

impl Caller {
    /// `scheduled`: does this workflow, or another one that takes steps, have a
    /// schedule?
    fn schedule(&self, doctor: &Doctor, scheduled: bool) -> Vec<Finding> {
        if self.crons.is_empty() {
            if scheduled {
                return Vec::new();
            }
            let finding = Finding::new(Area::Workflow, Level::Problem, "it has no schedule");
            return vec![finding.advise(
                "a step is taken only when something starts it: add `on: schedule`, also as a \
                 safety net beside other events",
            )];
        }
        match cron::last(&self.crons, doctor.measuring.now) {
            Err(error) => vec![
                Finding::new(
                    Area::Workflow,
                    Level::Problem,
                    format!("its schedule is none: {error}"),
                )
                .advise("write minute, hour, day, month, weekday, such as `*/5 * * * *`"),
            ],
            Ok(times) if cron::shortest(&times).is_some_and(|gap| gap < SHORTEST) => vec![
                Finding::new(
                    Area::Workflow,
                    Level::Warning,
                    "its schedule is shorter than 5 minutes",
                )
                .advise("GitHub starts it every 5 minutes at most; use watch in between"),
            ],
            Ok(_) => Vec::new(),
        }
    }

    fn concurrency(&self) -> Option<Finding> {
        let of_jobs = || self.steps().all(|(job, _)| job.concurrency.is_some());
        let all = self.jobs.iter().filter_map(|job| job.concurrency.as_ref());
        let cancels = self
            .concurrency
            .iter()
            .chain(all)
            .any(|found| found.cancels);
        if self.concurrency.is_none() && !of_jobs() {
            let found = "it has no `concurrency`: runs overlap, and race to push";
            return Some(
                Finding::new(Area::Workflow, Level::Warning, found)
                    .advise("add `concurrency: { group: rollouts, cancel-in-progress: false }`"),
            );
        }
        cancels.then(|| {
            Finding::new(
                Area::Workflow,
                Level::Warning,
                "a new run cancels the one under way",
            )
            .advise("set `cancel-in-progress: false`: a run that waits is enough")
        })
    }
}

impl Step {
    /// Who pushes: the token that is given, or the one that the checkout left?
    /// The API takes the token of the workflow; a push and a fetch do not.
    fn credentials(&self, job: &read::Job, via: CommitVia) -> Option<Finding> {
        let warning = |level, found: &str| Finding::new(Area::Workflow, level, found);
        match (self.token.is_some(), job.persists) {
            (false, Some(false)) if self.via().unwrap_or(via) == CommitVia::Api => Some(
                warning(Level::Warning, "nobody gives it a token to fetch with")
                    .advise("give `token: ${{ github.token }}`: a private repository needs one"),
            ),
            (false, Some(false)) => Some(
                warning(Level::Problem, "nobody gives it a token to push with")
                    .advise("give `token: ${{ github.token }}`: the checkout left none"),
            ),
            (true, Some(true)) => Some(
                warning(
                    Level::Warning,
                    "the checkout leaves its token behind for every step",
                )
                .advise("set `persist-credentials: false` on actions/checkout"),
            ),
            (true, Some(false) | None) | (false, Some(true) | None) => None,
        }
    }

    /// Does a watch end before GitHub ends the job?
    fn length(&self, job: &read::Job) -> Option<Finding> {
        if self.command != "watch" {
            return None;
        }
        let length = parse_duration(self.input("for").unwrap_or("50m")).ok()?;
        // The last tick may begin at the end.
        let tick = parse_duration(self.input("deadline").unwrap_or("10m")).ok()?;
        // GitHub's own limit is 6 hours.
        let timeout = SignedDuration::from_mins(job.timeout.unwrap_or(360));
        let minutes = timeout.as_mins();
        let (level, found) = if length >= timeout {
            let found = format!("it watches as long as the job may last, {minutes} minutes");
            (Level::Problem, found)
        } else if length.saturating_add(tick) >= timeout {
            let whole = length.saturating_add(tick).as_mins();
            let found = format!(
                "it watches for up to {whole} minutes with its last tick, and the job may last \
                 {minutes}"
            );
            (Level::Warning, found)
        } else {
            return None;
        };
        Some(Finding::new(Area::Workflow, level, found).advise(
            "set `timeout-minutes` longer than `for` and `deadline` together: GitHub ends the job \
             in the middle, and nothing is reported",
        ))
    }
}
