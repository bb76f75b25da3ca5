//! What can be typed: the command line and the environment variables that
//! stand in for it. Nothing here does anything.

mod comment;
mod commit;
mod doctor;
mod fail_on;
mod given;
mod preview;
mod prometheus_auth;
mod watch;

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

pub use comment::Comment;
pub use commit::{AutoMerge, Commit, CommitVia};
pub use doctor::{Doctor, DoctorArea, DoctorMetrics, Fix};
pub use fail_on::{FailOnFindings, FailOnSteps, FailedFinding, FailedStep};
pub use given::Given;
pub use preview::Preview;
pub use prometheus_auth::PrometheusAuth;
pub use watch::Watch;

/// Author of commits unless another one is given.
pub const AUTHOR: &str = "weirkeeper[bot] <weirkeeper[bot]@users.noreply.github.com>";

/// Environment variables that are no option, because they hold secrets.
pub mod environment {
    /// Token for `git fetch` and `git push` over HTTP.
    pub const TOKEN: &str = "WEIRKEEPER_TOKEN";
    /// Bearer token for Prometheus.
    pub const PROMETHEUS_TOKEN: &str = "WEIRKEEPER_PROMETHEUS_TOKEN";
    /// User name for Prometheus.
    pub const PROMETHEUS_USERNAME: &str = "WEIRKEEPER_PROMETHEUS_USERNAME";
    /// Password for Prometheus.
    pub const PROMETHEUS_PASSWORD: &str = "WEIRKEEPER_PROMETHEUS_PASSWORD";
    /// Headers for Prometheus, one `Name: value` a line.
    pub const PROMETHEUS_HEADERS: &str = "WEIRKEEPER_PROMETHEUS_HEADERS";
    /// Beginning of `WEIRKEEPER_SECRET_<NAME>_<KEY>`: the value of a key of a Secret.
    pub const SECRET: &str = "WEIRKEEPER_SECRET_";
    /// `true` on a GitHub runner.
    pub const GITHUB_ACTIONS: &str = "GITHUB_ACTIONS";
    /// Address of the GitHub a workflow runs on.
    pub const GITHUB_SERVER_URL: &str = "GITHUB_SERVER_URL";
    /// `owner/name` of the repository of a workflow.
    pub const GITHUB_REPOSITORY: &str = "GITHUB_REPOSITORY";
    /// Address of the API of the GitHub a workflow runs on.
    pub const GITHUB_API_URL: &str = "GITHUB_API_URL";
    /// Address of the GraphQL API of the GitHub a workflow runs on.
    pub const GITHUB_GRAPHQL_URL: &str = "GITHUB_GRAPHQL_URL";
    /// Token of a workflow; [`TOKEN`] comes before it.
    pub const GITHUB_TOKEN: &str = "GITHUB_TOKEN";
    /// File for outputs of a workflow step.
    pub const GITHUB_OUTPUT: &str = "GITHUB_OUTPUT";
    /// File for the summary of a workflow step.
    pub const GITHUB_STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";
    /// Name of the event that started a workflow.
    pub const GITHUB_EVENT_NAME: &str = "GITHUB_EVENT_NAME";
    /// File with the payload of that event.
    pub const GITHUB_EVENT_PATH: &str = "GITHUB_EVENT_PATH";
    /// Number of the run of a workflow.
    pub const GITHUB_RUN_ID: &str = "GITHUB_RUN_ID";
    /// `owner/name/.github/workflows/file.yml@refs/heads/main`: the workflow that runs.
    pub const GITHUB_WORKFLOW_REF: &str = "GITHUB_WORKFLOW_REF";
    /// Key of AWS, with [`AWS_SECRET_ACCESS_KEY`].
    pub const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
    /// Its secret half.
    pub const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
    /// What belongs to a key that ends.
    pub const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
    /// Role of AWS that is taken when there is no key.
    pub const AWS_ROLE_ARN: &str = "AWS_ROLE_ARN";
    /// File with the token that may take it.
    pub const AWS_WEB_IDENTITY_TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
    /// Name of the session that results, for AWS' logs.
    pub const AWS_ROLE_SESSION_NAME: &str = "AWS_ROLE_SESSION_NAME";
    /// Region of AWS for what names none.
    pub const AWS_REGION: &str = "AWS_REGION";
    /// The same; [`AWS_REGION`] comes before it.
    pub const AWS_DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
    /// Address of every service of AWS, such as a private endpoint.
    pub const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
    /// Address of the Security Token Service; comes before [`AWS_ENDPOINT_URL`].
    pub const AWS_ENDPOINT_URL_STS: &str = "AWS_ENDPOINT_URL_STS";
    /// Address of CloudWatch; comes before [`AWS_ENDPOINT_URL`].
    pub const AWS_ENDPOINT_URL_CLOUDWATCH: &str = "AWS_ENDPOINT_URL_CLOUDWATCH";
    /// File with credentials of Google Cloud.
    pub const GOOGLE_APPLICATION_CREDENTIALS: &str = "GOOGLE_APPLICATION_CREDENTIALS";
    /// Token of Google Cloud; comes before the file.
    pub const GOOGLE_OAUTH_ACCESS_TOKEN: &str = "GOOGLE_OAUTH_ACCESS_TOKEN";
    /// The same; [`GOOGLE_OAUTH_ACCESS_TOKEN`] comes before it.
    pub const CLOUDSDK_AUTH_ACCESS_TOKEN: &str = "CLOUDSDK_AUTH_ACCESS_TOKEN";
    /// Project of Google Cloud for what names none.
    pub const GOOGLE_CLOUD_PROJECT: &str = "GOOGLE_CLOUD_PROJECT";
    /// The same; [`GOOGLE_CLOUD_PROJECT`] comes before it.
    pub const CLOUDSDK_CORE_PROJECT: &str = "CLOUDSDK_CORE_PROJECT";
    /// Address of Cloud Monitoring, such as a private endpoint.
    pub const CLOUDSDK_MONITORING: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING";
}

/// Takes a path that may be empty, as in a variable that a workflow sets from an
/// input that nobody gave; clap's own parser refuses it.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Progressive delivery for the Kubernetes Gateway API from Git.
///
/// Each run reads the rollouts of a GitOps repository, asks Prometheus how the
/// new versions do, decides one step for each and commits it.
#[derive(Debug, Parser)]
#[command(name = "weirkeeper", version, max_term_width = 100)]
pub struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The GitOps repository
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = ".",
        env = "WEIRKEEPER_REPO",
        value_parser = path()
    )]
    pub repo: PathBuf,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub format: Format,
    /// Act as if it were this time
    #[arg(long, global = true, value_name = "RFC3339")]
    pub now: Option<Timestamp>,
    /// Print more about what happens, to standard error; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs; one object with a version.
    Json,
    /// Annotations of a GitHub workflow; only `validate`.
    Github,
}

/// The commands.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Take one step for every Canary: decide, commit, push
    Step(Step),
    /// Take steps as they fall due, for some time
    Watch(Watch),
    /// Show what the next step would do, and the schedule ahead; writes nothing
    Plan(Plan),
    /// Show what a pull request does to rollouts; writes nothing but its comment
    Preview(Preview),
    /// Find out what keeps rollouts from going on: token, rules, schedule, metrics; writes nothing
    /// without --fix
    Doctor(Doctor),
    /// Write a Canary and a workflow for a Deployment, and say what to check
    Init(Init),
    /// Show every problem of the documents in files or folders
    Validate(Validate),
    /// Print the route and the Services generated for a Canary
    Render(Render),
    /// Set weights of backends in a route, every other byte untouched
    SetWeights(SetWeights),
    /// Show the rollouts of the repository
    Status(Select),
    /// Tell what happened to the rollouts, from Git alone
    History(History),
    /// Let a rollout pass a gate in Git, once: a commit
    Approve(Approve),
    /// End a rollout and send all traffic to the primary: a commit
    Abort(Person),
    /// Let nothing of a rollout go on, except a rollback: a commit
    Pause(Person),
    /// Let a paused rollout go on, or take weights changed by hand for its state: a commit
    Resume(Person),
    /// Release a revision that failed again: a commit
    Retry(Person),
    /// Do what a comment at GitHub asks for: `/weirkeeper approve NS/NAME`; for workflows
    Comment(Comment),
    /// Run the engine over scripted observations, in memory
    Simulate(Simulate),
    /// Run a release and a rollback in a temporary repository
    Demo(Demo),
}

/// Which Canaries.
#[derive(Debug, Clone, Default, Args)]
pub struct Select {
    /// Only this Canary, as NAMESPACE/NAME; may be repeated
    #[arg(
        long,
        value_name = "NS/NAME",
        env = "WEIRKEEPER_ONLY",
        value_delimiter = ','
    )]
    pub only: Vec<String>,
}

/// Where metrics come from.
#[derive(Debug, Clone, Default, Args)]
pub struct Metrics {
    /// Address of Prometheus for what names none; FROM=TO replaces an address
    /// that documents name, such as one inside the cluster; may be repeated,
    /// or several with spaces between them
    #[arg(long, value_name = "URL", env = "WEIRKEEPER_PROMETHEUS")]
    pub prometheus: Vec<String>,
    /// Certificates to trust for Prometheus, PEM
    #[arg(long, value_name = "FILE", env = "WEIRKEEPER_PROMETHEUS_CA", value_parser = path())]
    pub prometheus_ca: Option<PathBuf>,
    /// Client certificate for Prometheus, PEM
    #[arg(long, value_name = "FILE", env = "WEIRKEEPER_PROMETHEUS_CERT", value_parser = path())]
    pub prometheus_cert: Option<PathBuf>,
    /// Key of the client certificate, PEM
    #[arg(long, value_name = "FILE", env = "WEIRKEEPER_PROMETHEUS_KEY", value_parser = path())]
    pub prometheus_key: Option<PathBuf>,
    /// Cloud whose credentials the requests to the addresses given here carry, for proxies and
    /// private endpoints; the public addresses of Amazon's and Google's managed Prometheus are
    /// recognised without
    #[arg(
        long,
        value_name = "CLOUD",
        env = "WEIRKEEPER_PROMETHEUS_AUTH",
        value_parser = given::given::<PrometheusAuth>()
    )]
    pub prometheus_auth: Option<Given<PrometheusAuth>>,
    /// Limit of one query
    #[arg(long, value_name = "DUR", default_value = "10s")]
    pub prometheus_timeout: String,
    /// Folder with Secrets, as NAME/KEY
    #[arg(long, value_name = "DIR", env = "WEIRKEEPER_SECRETS_DIR", value_parser = path())]
    pub secrets_dir: Option<PathBuf>,
}

/// Who is told what happened, besides those that the Canaries name.
#[derive(Debug, Clone, Default, Args)]
pub struct Notify {
    /// Webhook that gets every event of the Canaries without an event webhook
    #[arg(long, value_name = "URL", env = "WEIRKEEPER_EVENT_WEBHOOK")]
    pub event_webhook: Option<String>,
    /// Name of the cluster, for alerts
    #[arg(long, value_name = "NAME", env = "WEIRKEEPER_CLUSTER_NAME")]
    pub cluster_name: Option<String>,
}

/// `step`.
#[derive(Debug, Clone, Args)]
pub struct Step {
    /// Which Canaries.
    #[command(flatten)]
    pub select: Select,
    /// Only one part of the Canaries, such as 2/4, for the jobs of a matrix
    #[arg(
        long,
        value_name = "I/N",
        env = "WEIRKEEPER_SHARD",
        default_value = "",
        hide_default_value = true
    )]
    pub shard: String,
    /// Where metrics come from.
    #[command(flatten)]
    pub metrics: Metrics,
    /// Who is told.
    #[command(flatten)]
    pub notify: Notify,
    /// How commits are made.
    #[command(flatten)]
    pub commit: Commit,
    /// Author of the commits
    #[arg(
        long,
        value_name = "NAME <EMAIL>",
        env = "WEIRKEEPER_AUTHOR",
        default_value = AUTHOR
    )]
    pub author: String,
    /// Wait up to this long for a Canary that is nearly due; default not at all
    #[arg(long, value_name = "DUR", env = "WEIRKEEPER_WAIT")]
    pub wait: Option<String>,
    /// What makes the exit code say that the run failed.
    #[command(flatten)]
    pub fail_on: FailOnSteps,
    /// Limit of the whole run
    #[arg(long, value_name = "DUR", default_value = "10m")]
    pub deadline: String,
}

/// `plan`.
#[derive(Debug, Clone, Args)]
pub struct Plan {
    /// Which Canaries.
    #[command(flatten)]
    pub select: Select,
    /// Only one part of the Canaries, such as 2/4, for the jobs of a matrix
    #[arg(
        long,
        value_name = "I/N",
        env = "WEIRKEEPER_SHARD",
        default_value = "",
        hide_default_value = true
    )]
    pub shard: String,
    /// Where metrics come from.
    #[command(flatten)]
    pub metrics: Metrics,
    /// Limit of the whole run
    #[arg(long, value_name = "DUR", default_value = "10m")]
    pub deadline: String,
}

/// `validate`.
#[derive(Debug, Clone, Args)]
pub struct Validate {
    /// Files or folders; default the whole repository
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// What makes the exit code say that documents failed.
    #[command(flatten)]
    pub fail_on: FailOnFindings,
}

/// `render`.
#[derive(Debug, Clone, Args)]
pub struct Render {
    /// The Canary, as NAMESPACE/NAME
    #[arg(value_name = "CANARY")]
    pub canary: String,
    /// Weight of the primary; default what the canary leaves of 100
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..=100))]
    pub primary: Option<i64>,
    /// Weight of the canary; default what the primary leaves of 100, else 0
    #[arg(long = "canary", value_name = "N", value_parser = clap::value_parser!(i64).range(0..=100))]
    pub canary_weight: Option<i64>,
    /// Copy the requests to the canary
    #[arg(long)]
    pub mirror: bool,
}

/// `set-weights`.
#[derive(Debug, Clone, Args)]
pub struct SetWeights {
    /// The manifest; `-` for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Backend and weight, 0 to 1000000; rules that hold all of them are edited
    #[arg(value_name = "NAME=WEIGHT", required = true)]
    pub weights: Vec<String>,
    /// Write the file instead of printing it
    #[arg(short, long)]
    pub in_place: bool,
}

/// `abort`, `pause`, `resume`, `retry`.
#[derive(Debug, Clone, Args)]
pub struct Person {
    /// The Canary
    #[arg(value_name = "NS/NAME")]
    pub canary: String,
    /// Why, in one line; part of the commit
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who says so; default user.name and user.email of Git's configuration
    #[arg(long, value_name = "NAME <EMAIL>")]
    pub author: Option<String>,
    /// How commits are made.
    #[command(flatten)]
    pub commit: Commit,
    /// Who is told.
    #[command(flatten)]
    pub notify: Notify,
    /// Folder with Secrets, as NAME/KEY
    #[arg(long, value_name = "DIR", env = "WEIRKEEPER_SECRETS_DIR", value_parser = path())]
    pub secrets_dir: Option<PathBuf>,
    /// Limit of the whole run
    #[arg(long, value_name = "DUR", default_value = "2m")]
    pub deadline: String,
}

/// `approve`.
#[derive(Debug, Clone, Args)]
pub struct Approve {
    /// Who says what about what.
    #[command(flatten)]
    pub person: Person,
    /// The gate, such as confirm-promotion; default the one that waits
    #[arg(long, value_name = "TYPE")]
    pub gate: Option<String>,
}

/// `init`.
#[derive(Debug, Clone, Default, Args)]
pub struct Init {
    /// The Deployment, by name or as NS/NAME; default the only one
    #[arg(value_name = "DEPLOYMENT")]
    pub name: Option<String>,
    /// Look in this folder of the repository only
    #[arg(long, value_name = "DIR")]
    pub dir: Option<String>,
    /// Print the files, write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `history`.
#[derive(Debug, Clone, Default, Args)]
pub struct History {
    /// Only this Canary
    #[arg(value_name = "NS/NAME")]
    pub canary: Option<String>,
    /// The branch to read; default what is checked out
    #[arg(long, value_name = "NAME", env = "WEIRKEEPER_BRANCH")]
    pub branch: Option<String>,
    /// The newest N commits that concern a rollout; default all
    #[arg(long, value_name = "N", value_parser = limit)]
    pub limit: Option<usize>,
    /// Nothing older: a date, a time, or how long ago, such as 24h
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Prove that the trailers of each step, the status and the routes agree
    #[arg(long)]
    pub check: bool,
}

/// Reads a number of commits.
fn limit(text: &str) -> Result<usize, String> {
    let number = text.parse().map_err(|_not_a_number| "not a number");
    match number? {
        0 => Err("must be at least 1".to_owned()),
        number => Ok(number),
    }
}

/// `simulate`.
#[derive(Debug, Clone, Args)]
pub struct Simulate {
    /// Scenario files: a Canary, and what the world says at each tick
    #[arg(value_name = "SCENARIO", required = true)]
    pub scenarios: Vec<PathBuf>,
    /// Compare each tick with what the scenario expects
    #[arg(long)]
    pub check: bool,
}

/// `demo`.
#[derive(Debug, Clone, Default, Args)]
pub struct Demo {
    /// Where the repository is made; default a new temporary folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
