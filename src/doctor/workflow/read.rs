//! Workflow files, as far as they run Weirkeeper.

use std::collections::BTreeMap;
use std::path::Path;

use serde_yaml::Value;

use crate::cli::CommitVia;

/// Largest workflow that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Commands that take steps.
const TAKES_STEPS: [&str; 2] = ["step", "watch"];

/// A workflow.
#[derive(Debug)]
pub(in crate::doctor) struct Caller {
    /// Name of its file.
    pub(super) file: String,
    /// Expressions of its schedule.
    pub(super) crons: Vec<String>,
    pub(super) permissions: Option<Value>,
    pub(super) concurrency: Option<Concurrency>,
    pub(super) jobs: Vec<Job>,
}

/// A group of runs of which one runs at a time.
#[derive(Debug)]
pub(super) struct Concurrency {
    /// Does a new run cancel the one under way?
    pub(super) cancels: bool,
}

/// A job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) permissions: Option<Value>,
    pub(super) concurrency: Option<Concurrency>,
    /// Minutes after which GitHub ends it.
    pub(super) timeout: Option<i64>,
    /// Does actions/checkout leave its token behind? `None` without a checkout.
    pub(super) persists: Option<bool>,
    steps: Vec<Step>,
}

/// A step that runs Weirkeeper.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) command: String,
    /// The expression that gives the token to fetch and push with: `GITHUB_TOKEN` is
    /// none, it is for the API alone.
    pub(super) token: Option<String>,
    /// Inputs of the action.
    inputs: Value,
    /// Arguments, of `run` or beside the inputs.
    arguments: String,
    /// Variables of the environment that stand for options, `WEIRKEEPER_…`.
    variables: BTreeMap<String, String>,
}

/// The workflows of the repository in `folder` that can be read.
pub(in crate::doctor) fn callers(folder: &Path) -> Vec<Caller> {
    let folder = folder.join(".github/workflows");
    let Ok(entries) = fs_err::read_dir(folder) else {
        return Vec::new();
    };
    let mut callers: Vec<Caller> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let end = path.extension()?.to_str()?;
            let metadata = fs_err::symlink_metadata(&path).ok()?;
            let fits = metadata.is_file() && metadata.len() <= LARGEST;
            if !fits || !["yml", "yaml"].contains(&end) {
                return None;
            }
            let text = fs_err::read_to_string(&path).ok()?;
            Caller::read(path.file_name()?.to_str()?, &text)
        })
        .collect();
    callers.sort_by(|one, other| one.file.cmp(&other.file));
    callers
}

impl Caller {
    fn read(file: &str, text: &str) -> Option<Self> {
        let workflow: Value = serde_yaml::from_str(text).ok()?;
        let schedule = &workflow["on"]["schedule"];
        let crons = schedule.as_sequence().into_iter().flatten();
        let crons = crons.filter_map(|entry| entry["cron"].as_str());
        let env = [&workflow["env"]];
        let jobs = workflow["jobs"].as_mapping().into_iter().flatten();
        Some(Self {
            file: file.to_owned(),
            crons: crons.map(str::to_owned).collect(),
            permissions: some(&workflow["permissions"]),
            concurrency: Concurrency::read(&workflow["concurrency"]),
            jobs: jobs.map(|(_, job)| Job::read(job, &env)).collect(),
        })
    }

    /// From the top of the repository.
    pub(super) fn path(&self) -> String {
        format!(".github/workflows/{}", self.file)
    }

    /// The steps of Canaries that it takes, with their jobs.
    pub(super) fn steps(&self) -> impl Iterator<Item = (&Job, &Step)> {
        let all = self.jobs.iter();
        let all = all.flat_map(|job| job.steps.iter().map(move |step| (job, step)));
        all.filter(|(_, step)| TAKES_STEPS.contains(&&*step.command))
    }
}

impl Concurrency {
    fn read(value: &Value) -> Option<Self> {
        some(value).map(|value| Self {
            cancels: value["cancel-in-progress"].as_bool() == Some(true),
        })
    }
}

impl Job {
    fn read(job: &Value, env: &[&Value]) -> Self {
        let env = [env, &[&job["env"]]].concat();
        let steps = job["steps"].as_sequence().into_iter().flatten();
        let steps: Vec<&Value> = steps.collect();
        let checkout = steps.iter().find(|step| {
            let uses = step["uses"].as_str().unwrap_or_default();
            uses.to_lowercase().starts_with("actions/checkout@")
        });
        Self {
            permissions: some(&job["permissions"]),
            concurrency: Concurrency::read(&job["concurrency"]),
            timeout: job["timeout-minutes"].as_i64(),
            persists: checkout.map(|step| {
                let given = &step["with"]["persist-credentials"];
                given.as_bool() != Some(false) && given.as_str() != Some("false")
            }),
            steps: steps
                .iter()
                .filter_map(|step| Step::read(step, &env))
                .collect(),
        }
    }
}

impl Step {
    fn read(step: &Value, env: &[&Value]) -> Option<Self> {
        let env = [env, &[&step["env"]]].concat();
        let all = env.iter().filter_map(|env| env.as_mapping()).flatten();
        // Later ones, which are closer to the step, replace earlier ones, also when
        // they are empty: as if they were not there.
        let variables: BTreeMap<String, String> = all
            .filter_map(|(name, value)| {
                let name = name
                    .as_str()
                    .filter(|name| name.starts_with("WEIRKEEPER_"))?;
                let value = match value.as_bool() {
                    Some(value) => value.to_string(),
                    None => value.as_str().unwrap_or_default().to_owned(),
                };
                Some((name.to_owned(), value))
            })
            .collect();
        let inputs = &step["with"];
        let input = |name: &str| inputs[name].as_str().filter(|text| !text.is_empty());
        let (command, arguments) = match (step["uses"].as_str(), step["run"].as_str()) {
            (Some(uses), _) if is_ours(uses) => {
                let arguments = input("extra-args").unwrap_or_default();
                (
                    input("command").unwrap_or("step").to_owned(),
                    arguments.to_owned(),
                )
            }
            (_, Some(script)) => called(script)?,
            _ => return None,
        };
        let token = input("token").map(str::to_owned);
        Some(Self {
            command,
            token: token.or_else(|| {
                let token = variables.get("WEIRKEEPER_TOKEN");
                token.filter(|token| !token.is_empty()).cloned()
            }),
            variables,
            inputs: inputs.clone(),
            arguments,
        })
    }

    /// The value of an input, or of the option or variable of that name.
    pub(super) fn input(&self, name: &str) -> Option<&str> {
        let given = self.inputs[name].as_str().filter(|text| !text.is_empty());
        given.or_else(|| {
            let option = format!("--{name}");
            let mut words = self.arguments.split_whitespace();
            while let Some(word) = words.next() {
                match word.strip_prefix(&option) {
                    Some("") => return words.next(),
                    Some(rest) if rest.starts_with('=') => return Some(&rest[1..]),
                    Some(_) | None => {}
                }
            }
            self.variable(name)
        })
    }

    fn variable(&self, name: &str) -> Option<&str> {
        let name = name.to_uppercase().replace('-', "_");
        let value = self.variables.get(&format!("WEIRKEEPER_{name}"))?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Is something switched on, by an input, an option or a variable?
    pub(super) fn has(&self, name: &str) -> bool {
        let value = &self.inputs[name];
        let option = format!("--{name}");
        value.as_bool() == Some(true)
            || value.as_str() == Some("true")
            || self.variable(name) == Some("true")
            || self.arguments.split_whitespace().any(|word| word == option)
    }

    /// How its commits reach the branch, when it says so.
    pub(super) fn via(&self) -> Option<CommitVia> {
        match self.input("commit-via")? {
            "git" => Some(CommitVia::Git),
            "api" => Some(CommitVia::Api),
            "pull-request" => Some(CommitVia::PullRequest),
            _ => None,
        }
    }
}

/// Our action, also under another owner.
fn is_ours(uses: &str) -> bool {
    let path = uses.split('@').next().unwrap_or_default();
    path.split('/')
        .nth(1)
        .is_some_and(|name| name.eq_ignore_ascii_case("weirkeeper"))
}

/// The command and the arguments of the first call in a script that takes steps.
fn called(script: &str) -> Option<(String, String)> {
    script.replace("\\\n", " ").lines().find_map(|line| {
        let line = line.split(" #").next().unwrap_or_default();
        let mut words = line.split_whitespace();
        words.find(|word| word.rsplit('/').next() == Some("weirkeeper"))?;
        let words: Vec<&str> = words.collect();
        let command = words.iter().find(|word| TAKES_STEPS.contains(word))?;
        Some(((*command).to_owned(), words.join(" ")))
    })
}

fn some(value: &Value) -> Option<Value> {
    (!value.is_null()).then(|| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(text: &str) -> Option<Step> {
        let text = format!("on: push\njobs:\n  a:\n    steps:\n      - {text}\n");
        let mut caller = Caller::read("a.yml", &text).unwrap();
        caller.jobs.remove(0).steps.pop()
    }

    #[test]
    fn who_runs_weirkeeper() {
        let command = |text: &str| step(text).map(|step| step.command);
        for (text, expected) in [
            ("uses: weirkeeper/weirkeeper@v0", Some("step")),
            ("uses: Me/Weirkeeper@0123 # v1", Some("step")),
            (
                "{uses: a/weirkeeper@v0, with: {command: watch}}",
                Some("watch"),
            ),
            (
                "{uses: a/weirkeeper@v0, with: {command: preview}}",
                Some("preview"),
            ),
            (
                "run: ./bin/weirkeeper --repo . step --wait 60s",
                Some("step"),
            ),
            ("run: weirkeeper validate", None),
            ("run: echo hello # weirkeeper step", None),
            ("uses: actions/checkout@v6", None),
        ] {
            assert_eq!(command(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_a_step_is_given() {
        let action = step(
            "{uses: a/weirkeeper@v0, env: {GITHUB_TOKEN: x}, with: {token: t, deployments: true, \
             extra-args: '--redispatch --for=20m', commit-via: api}}",
        );
        let action = action.unwrap();
        assert_eq!(
            (action.token.as_deref(), action.input("for")),
            (Some("t"), Some("20m"))
        );
        assert_eq!(action.via(), Some(CommitVia::Api));
        assert!(action.has("redispatch") && action.has("deployments") && !action.has("x"));
        let script = step("{run: weirkeeper watch --for 9m, env: {WEIRKEEPER_TOKEN: y}}").unwrap();
        assert_eq!(
            (script.token.as_deref(), script.input("for")),
            (Some("y"), Some("9m"))
        );
        assert_eq!((script.via(), script.input("only")), (None, None));
        // What the action or the program does not push with.
        let pushes = |text: &str| step(text).unwrap().token.is_some();
        assert!(!pushes("{uses: a/weirkeeper@v0, env: {GITHUB_TOKEN: x}}"));
        assert!(!pushes("{run: weirkeeper step, env: {GITHUB_TOKEN: x}}"));
        assert!(pushes(
            "{uses: a/weirkeeper@v0, env: {WEIRKEEPER_TOKEN: x}}"
        ));
        let by_env = step(
            "{uses: a/weirkeeper@v0, env: {WEIRKEEPER_COMMIT_VIA: pull-request, \
             WEIRKEEPER_REDISPATCH: true, WEIRKEEPER_FOR: 5m}, with: {commit-via: ''}}",
        );
        let by_env = by_env.unwrap();
        assert_eq!(by_env.via(), Some(CommitVia::PullRequest));
        assert!(by_env.has("redispatch") && !by_env.has("deployments"));
        assert_eq!(by_env.input("for"), Some("5m"));
    }
}
