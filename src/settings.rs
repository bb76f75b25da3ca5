//! What the command line and the environment mean, checked once.

mod cloud;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use url::Url;

use crate::api::parse_duration;
use crate::cli::{self, Format, environment};
use crate::error::{Error, Result};
use crate::repo::link::commits_from;

pub use cloud::{AwsSettings, Clock, CloudSettings, GoogleSettings, WebIdentity};

/// The environment as it was when the program started.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    clock: Option<Clock>,
}

impl Environment {
    /// Takes the variables; those without a value count as not set, as a
    /// workflow sets inputs that nobody gave.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let set = variables.into_iter().filter(|(_, value)| !value.is_empty());
        Self {
            variables: set.collect(),
            clock: None,
        }
    }

    /// The same with the time: that of the world, whatever `--now` says.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The value of a variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Every variable that is set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.variables.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn secret(&self, name: &str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }
}

/// What applies to every command.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The repository, or a folder in it.
    pub repo: PathBuf,
    /// How results are printed.
    pub format: Format,
    /// The time, in whole seconds.
    pub now: Timestamp,
    /// Was the time given, and does not pass?
    pub now_is_given: bool,
    /// The workflow the program runs in.
    pub github: Option<GithubRunner>,
    /// Token for fetch and push.
    pub token: Option<SecretString>,
    /// The variables that `git` may see.
    pub environment: Environment,
}

/// The run of a workflow on a GitHub runner.
#[derive(Debug, Clone, Default)]
pub struct GithubRunner {
    /// File for outputs.
    pub output: Option<PathBuf>,
    /// File for the job summary.
    pub summary: Option<PathBuf>,
    /// Name of the event that started it: `schedule`, `pull_request`.
    pub event: Option<String>,
    /// File with the payload of the event, JSON.
    pub payload: Option<PathBuf>,
    /// Number of the run.
    pub run: Option<String>,
    /// Where the run is shown.
    pub run_url: Option<Url>,
    /// The workflow: `owner/name/.github/workflows/file.yml@refs/heads/main`.
    pub workflow: Option<String>,
}

/// Largest payload of an event that is read, in bytes: GitHub's are 25 MB at most.
const LARGEST_PAYLOAD: u64 = 25 << 20;

impl GithubRunner {
    /// The payload of the event that started the workflow; `None` when no file is
    /// named.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when it cannot be read, is larger than
    /// 25 MiB, or is none of this kind of event.
    pub fn read_payload<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let Some(path) = &self.payload else {
            return Ok(None);
        };
        let unreadable = || {
            Error::usage("cannot read the payload of the event")
                .hint("GITHUB_EVENT_PATH names a file with the payload, as the runner sets it")
        };
        let size = fs_err::metadata(path).map_err(|error| unreadable().because(error))?;
        if size.len() > LARGEST_PAYLOAD {
            let why = format!("it is larger than {LARGEST_PAYLOAD} bytes");
            return Err(unreadable().because(why));
        }
        let text = fs_err::read(path).map_err(|error| unreadable().because(error))?;
        let event = self.event.as_deref().unwrap_or("any event");
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            let event = event.escape_debug();
            Error::usage(format!("GITHUB_EVENT_PATH is no payload of {event}")).because(error)
        })
    }

    fn new(environment: &Environment) -> Self {
        let text = |name| environment.get(name).map(str::to_owned);
        let path = |name| environment.get(name).map(PathBuf::from);
        let run = text(environment::GITHUB_RUN_ID);
        let server = environment.get(environment::GITHUB_SERVER_URL);
        let repository = environment.get(environment::GITHUB_REPOSITORY);
        let run_url = server.zip(repository).zip(run.as_deref());
        Self {
            output: path(environment::GITHUB_OUTPUT),
            summary: path(environment::GITHUB_STEP_SUMMARY),
            event: text(environment::GITHUB_EVENT_NAME),
            payload: path(environment::GITHUB_EVENT_PATH),
            run_url: run_url.and_then(|((server, repository), run)| {
                let server = server.trim_end_matches('/');
                Url::parse(&format!("{server}/{repository}/actions/runs/{run}")).ok()
            }),
            run,
            workflow: text(environment::GITHUB_WORKFLOW_REF),
        }
    }
}

/// How metrics are asked.
#[derive(Debug, Clone)]
pub struct MetricsSettings {
    /// Address for what names none.
    pub default: Option<Url>,
    /// Replacements of addresses that documents name.
    pub replaced: BTreeMap<String, Url>,
    /// Credentials for the addresses above, never for others.
    pub credentials: Credentials,
    /// Limit of one query.
    pub timeout: Duration,
    /// Secrets that documents refer to.
    pub secrets: Secrets,
    /// Credentials for Amazon's and Google's clouds.
    pub cloud: CloudSettings,
    /// May documents say where those Secrets are sent? Not those of a work
    /// tree, which may be a stranger's pull request.
    pub trusts_documents: bool,
    /// Is nobody asked whom only a document names, and does nothing of a document
    /// but its queries reach who is asked? For what strangers wrote.
    pub asks_only_named: bool,
}

/// Credentials and trust for Prometheus.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// Bearer token.
    pub token: Option<SecretString>,
    /// User name and password.
    pub basic: Option<(String, SecretString)>,
    /// Headers, such as a tenant.
    pub headers: Vec<(String, SecretString)>,
    /// Certificates to trust, PEM.
    pub ca: Option<String>,
    /// Client certificate and key, PEM.
    pub identity: Option<(String, SecretString)>,
}

/// Who is told what happened, and how.
#[derive(Debug, Clone, Default)]
pub struct NotifySettings {
    /// Secrets that AlertProviders refer to.
    pub secrets: Secrets,
    /// Gets the events of Canaries without an event webhook.
    pub event_webhook: Option<Url>,
    /// Name of the cluster, for alerts.
    pub cluster: Option<String>,
    /// The address below which commits are shown.
    pub commits: Option<Url>,
}

/// How GitHub is asked.
#[derive(Debug, Clone)]
pub struct GithubSettings {
    /// Address of the API: `GITHUB_API_URL`. Defaults to `https://api.github.com`.
    pub api: Url,
    /// Address below which `/graphql` is: the parent of `GITHUB_GRAPHQL_URL`.
    /// Defaults to that of `api`; `/api/v3` of an Enterprise server stands beside
    /// its `/api/graphql`.
    pub graphql: Url,
    /// `owner/name`; `None` when nobody named it.
    pub repository: Option<String>,
    /// `WEIRKEEPER_TOKEN`, else `GITHUB_TOKEN`.
    pub token: Option<SecretString>,
}

/// Secrets by name and key, from a folder or the environment.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    dir: Option<PathBuf>,
    environment: Environment,
}

impl Settings {
    /// Resolves the options of every command. `clock` is the time when none is
    /// given.
    #[must_use]
    pub fn new(global: &cli::Global, environment: Environment, clock: Timestamp) -> Self {
        let now = global.now.unwrap_or(clock);
        let on_github = environment.get(environment::GITHUB_ACTIONS) == Some("true");
        Self {
            repo: match global.repo.as_os_str().is_empty() {
                true => PathBuf::from("."),
                false => global.repo.clone(),
            },
            format: global.format,
            now: Timestamp::from_second(now.as_second()).unwrap_or(now),
            now_is_given: global.now.is_some(),
            github: on_github.then(|| GithubRunner::new(&environment)),
            token: environment.secret(environment::TOKEN),
            environment: environment.with_clock(Clock::new(clock)),
        }
    }
}

impl MetricsSettings {
    /// Resolves where metrics come from.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) for an address that is none,
    /// two default addresses, a file that cannot be read, half of a pair.
    pub fn new(options: &cli::Metrics, environment: &Environment) -> Result<Self> {
        let mut default = None;
        let mut replaced = BTreeMap::new();
        for given in options
            .prometheus
            .iter()
            .flat_map(|given| given.split_whitespace())
        {
            // A query string may hold a `=`; the second address tells them apart.
            let pair = given
                .split_once("=http")
                .map(|(from, to)| (from, format!("http{to}")));
            match pair {
                Some((from, to)) => {
                    let from = address("--prometheus", from)?;
                    replaced.insert(from.to_string(), address("--prometheus", &to)?);
                }
                None => {
                    if default.replace(address("--prometheus", given)?).is_some() {
                        return Err(Error::usage("--prometheus gives two default addresses")
                            .hint("write FROM=TO to replace an address that documents name"));
                    }
                }
            }
        }
        Ok(Self {
            default,
            replaced,
            credentials: Credentials::new(options, environment)?,
            timeout: duration("--prometheus-timeout", &options.prometheus_timeout)?,
            secrets: Secrets::new(options.secrets_dir.as_deref(), environment),
            cloud: CloudSettings::new(environment)?,
            trusts_documents: false,
            asks_only_named: false,
        })
    }
}

impl Credentials {
    fn new(options: &cli::Metrics, environment: &Environment) -> Result<Self> {
        let read = |path: &Option<PathBuf>| match path {
            Some(path) if !path.as_os_str().is_empty() => fs_err::read_to_string(path)
                .map(Some)
                .map_err(|error| Error::usage("cannot read a certificate").because(error)),
            Some(_) | None => Ok(None),
        };
        let username = environment.get(environment::PROMETHEUS_USERNAME);
        let password = environment.secret(environment::PROMETHEUS_PASSWORD);
        let basic = match (username, password) {
            (Some(username), password) => Some((username.to_owned(), password.unwrap_or_default())),
            (None, Some(_)) => {
                return Err(Error::usage(format!(
                    "{} needs {}",
                    environment::PROMETHEUS_PASSWORD,
                    environment::PROMETHEUS_USERNAME
                )));
            }
            (None, None) => None,
        };
        let identity = match (
            read(&options.prometheus_cert)?,
            read(&options.prometheus_key)?,
        ) {
            (Some(certificate), Some(key)) => Some((certificate, SecretString::from(key))),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(Error::usage(
                    "--prometheus-cert and --prometheus-key need each other",
                ));
            }
        };
        Ok(Self {
            token: environment.secret(environment::PROMETHEUS_TOKEN),
            basic,
            headers: headers(
                environment
                    .get(environment::PROMETHEUS_HEADERS)
                    .unwrap_or_default(),
            )?,
            ca: read(&options.prometheus_ca)?,
            identity,
        })
    }
}

impl NotifySettings {
    /// Resolves who is told. `remote` is where the remote shows its commits.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) for an address that is none.
    pub fn new(
        options: &cli::Notify,
        secrets: Secrets,
        environment: &Environment,
        remote: Option<Url>,
    ) -> Result<Self> {
        let given = |option: &Option<String>| option.clone().filter(|text| !text.trim().is_empty());
        let workflow = environment
            .get(environment::GITHUB_SERVER_URL)
            .zip(environment.get(environment::GITHUB_REPOSITORY));
        Ok(Self {
            secrets,
            event_webhook: given(&options.event_webhook)
                .map(|text| address("--event-webhook", &text))
                .transpose()?,
            cluster: given(&options.cluster_name),
            commits: commits_from(workflow, remote),
        })
    }
}

impl GithubSettings {
    /// Resolves who is asked. `remote` is where the remote shows its commits: it
    /// names the repository when the workflow is about another one, or there is
    /// none.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) for an address that is none.
    pub fn new(environment: &Environment, remote: Option<Url>) -> Result<Self> {
        let api = environment
            .get(environment::GITHUB_API_URL)
            .unwrap_or("https://api.github.com");
        let server = environment
            .get(environment::GITHUB_SERVER_URL)
            .unwrap_or("https://github.com");
        let workflow = environment.get(environment::GITHUB_REPOSITORY);
        let commits = commits_from(workflow.map(|repository| (server, repository)), remote);
        let repository = commits.and_then(|commits| {
            let path = commits.path().strip_suffix("/commit/")?;
            let (owner, name) = path.trim_start_matches('/').split_once('/')?;
            (!name.contains('/')).then(|| format!("{owner}/{name}"))
        });
        let api = address(environment::GITHUB_API_URL, api)?;
        let graphql = match environment.get(environment::GITHUB_GRAPHQL_URL) {
            Some(given) => address(environment::GITHUB_GRAPHQL_URL, given)?,
            None => api.clone(),
        };
        Ok(Self {
            graphql: graphql_base(graphql),
            api,
            repository,
            token: environment
                .secret(environment::TOKEN)
                .or_else(|| environment.secret(environment::GITHUB_TOKEN)),
        })
    }
}

/// What stands before `/graphql`.
fn graphql_base(mut url: Url) -> Url {
    let path = url.path().trim_end_matches('/');
    let base = path
        .strip_suffix("/graphql")
        .or_else(|| path.strip_suffix("/v3"))
        .unwrap_or(path)
        .to_owned();
    url.set_path(&base);
    url
}

impl Secrets {
    /// Secrets of the folder `dir`, else of `environment`.
    #[must_use]
    pub fn new(dir: Option<&Path>, environment: &Environment) -> Self {
        Self {
            dir: dir
                .filter(|dir| !dir.as_os_str().is_empty())
                .map(Path::to_owned),
            environment: environment.clone(),
        }
    }

    /// What to do about a key that is not given.
    #[must_use]
    pub fn how_to_give(name: &str, key: &str) -> String {
        format!(
            "set {}, or put the file {name}/{key} into the folder of --secrets-dir",
            Self::variable(name, key)
        )
    }

    /// The value of `key` in the Secret `name`: the file `<dir>/<name>/<key>`,
    /// else the variable `WEIRKEEPER_SECRET_<NAME>_<KEY>` in upper case with
    /// `_` for every other character.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or the names lead elsewhere.
    pub fn get(&self, name: &str, key: &str) -> Result<Option<SecretString>> {
        let plain = |part: &str| !part.is_empty() && !part.contains(['/', '\\']) && part != "..";
        if !plain(name) || !plain(key) {
            return Err(Error::document(format!("`{name}` cannot name a Secret")));
        }
        if let Some(dir) = &self.dir {
            let path = dir.join(name).join(key);
            if path.exists() {
                return fs_err::read_to_string(&path)
                    .map(|text| Some(SecretString::from(text.trim_end_matches(['\n', '\r']))))
                    .map_err(|error| Error::usage("cannot read a Secret").because(error));
            }
        }
        Ok(self.environment.secret(&Self::variable(name, key)))
    }

    /// The variable that holds a key of a Secret.
    #[must_use]
    pub fn variable(name: &str, key: &str) -> String {
        let upper = |text: &str| -> String {
            text.chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() {
                        c.to_ascii_uppercase()
                    } else {
                        '_'
                    }
                })
                .collect()
        };
        format!("{}{}_{}", environment::SECRET, upper(name), upper(key))
    }
}

/// Reads an absolute http(s) address.
///
/// # Errors
/// [`Kind::Usage`](crate::error::Kind::Usage) when it is none.
pub fn address(what: &str, text: &str) -> Result<Url> {
    // The text may hold a password: it is not repeated.
    let url = Url::parse(text.trim())
        .map_err(|error| Error::usage(format!("{what} is no address")).because(error))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(Error::usage(format!("{what} is not http or https"))
            .hint("write it as https://name.example.com")),
    }
}

/// Reads a limit of time.
///
/// # Errors
/// [`Kind::Usage`](crate::error::Kind::Usage) when it is none, or zero.
pub fn duration(what: &str, text: &str) -> Result<Duration> {
    let parsed = parse_duration(text)
        .map_err(|error| Error::usage(format!("{what} is not a duration")).because(error))?;
    match Duration::try_from(parsed) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(Error::usage(format!("{what} must be longer than nothing"))),
    }
}

/// One `Name: value` a line.
fn headers(text: &str) -> Result<Vec<(String, SecretString)>> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| match line.split_once(':') {
            Some((name, value)) => Ok((name.trim().to_owned(), SecretString::from(value.trim()))),
            None => Err(Error::usage(format!(
                "{}: a line has no `:`",
                environment::PROMETHEUS_HEADERS
            ))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    fn options(prometheus: &[&str]) -> cli::Metrics {
        cli::Metrics {
            prometheus: prometheus.iter().map(|text| (*text).to_owned()).collect(),
            prometheus_timeout: "5s".to_owned(),
            ..cli::Metrics::default()
        }
    }

    #[test]
    fn addresses_replace_and_default() {
        let settings = MetricsSettings::new(
            &options(&[
                "https://prom.example.com/p?x=1",
                "http://prometheus.istio-system:9090=https://in.example.com http://a=http://b",
                "",
            ]),
            &Environment::default(),
        )
        .unwrap();
        assert_eq!(
            settings.default.unwrap().as_str(),
            "https://prom.example.com/p?x=1"
        );
        assert_eq!(
            settings.replaced["http://prometheus.istio-system:9090/"].as_str(),
            "https://in.example.com/"
        );
    }

    #[test]
    fn wrong_settings_are_named() {
        let none = Environment::default();
        for (given, message) in [
            (vec!["prometheus:9090"], "not http"),
            (vec!["http://a", "http://b"], "two default"),
        ] {
            let error = MetricsSettings::new(&options(&given), &none).unwrap_err();
            assert!(error.message().contains(message), "{}", error.message());
            assert_eq!(error.kind(), crate::error::Kind::Usage);
        }
        let half = environment(&[("WEIRKEEPER_PROMETHEUS_PASSWORD", "x")]);
        assert!(MetricsSettings::new(&options(&[]), &half).is_err());
    }

    #[test]
    fn who_is_told() {
        let settings = |event_webhook: &str, cluster_name: &str| {
            let options = cli::Notify {
                event_webhook: Some(event_webhook.to_owned()),
                cluster_name: Some(cluster_name.to_owned()),
            };
            let workflow = environment(&[
                ("GITHUB_SERVER_URL", "https://github.com"),
                ("GITHUB_REPOSITORY", "me/fleet"),
            ]);
            NotifySettings::new(&options, Secrets::default(), &workflow, None)
        };
        let none = settings("", " ").unwrap();
        assert_eq!((none.event_webhook, none.cluster), (None, None));
        let commits = none.commits.map(String::from);
        assert_eq!(
            commits.as_deref(),
            Some("https://github.com/me/fleet/commit/")
        );
        let all = settings("https://a/b", "prod").unwrap();
        assert_eq!(all.event_webhook.unwrap().as_str(), "https://a/b");
        assert_eq!(all.cluster.as_deref(), Some("prod"));
        let error = settings("a/s3cret", "").unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Usage);
        assert!(!error.chain().contains("s3cret"), "{}", error.chain());
    }

    #[test]
    fn github_is_the_one_of_the_workflow_and_the_remote() {
        let settings = |pairs: &[(&str, &str)], remote: &str| {
            let remote = crate::repo::link::commits(remote);
            GithubSettings::new(&environment(pairs), remote).unwrap()
        };
        let none = settings(&[], "/srv/git/fleet.git");
        assert_eq!(none.api.as_str(), "https://api.github.com/");
        assert_eq!((none.repository, none.token.is_none()), (None, true));
        let remote = settings(&[("GITHUB_TOKEN", "a")], "git@github.com:me/fleet.git");
        assert_eq!(remote.repository.as_deref(), Some("me/fleet"));
        assert_eq!(remote.token.unwrap().expose_secret(), "a");
        let pairs = [
            ("GITHUB_API_URL", "https://ghe.example/api/v3"),
            ("GITHUB_REPOSITORY", "me/app"),
            ("GITHUB_TOKEN", "a"),
            ("WEIRKEEPER_TOKEN", "b"),
        ];
        let workflow = settings(&pairs, "");
        assert_eq!(workflow.api.as_str(), "https://ghe.example/api/v3");
        assert_eq!(workflow.repository.as_deref(), Some("me/app"));
        assert_eq!(workflow.token.unwrap().expose_secret(), "b");
        let other = settings(&pairs, "https://ghe.example/me/fleet");
        assert_eq!(other.repository.as_deref(), Some("me/fleet"));
        let gitlab = settings(&[], "https://gitlab.example/group/sub/fleet");
        assert_eq!(gitlab.repository, None);
    }

    #[test]
    fn secrets_come_from_a_folder_or_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir(dir.path().join("prom")).unwrap();
        fs_err::write(dir.path().join("prom/token"), "from-file\n").unwrap();
        let secrets = Secrets {
            dir: Some(dir.path().to_owned()),
            environment: environment(&[("WEIRKEEPER_SECRET_MY_PROM_API_KEY", "from-env")]),
        };
        let value = |name, key| {
            let secret = secrets.get(name, key).unwrap()?;
            Some(secret.expose_secret().to_owned())
        };
        assert_eq!(value("prom", "token").as_deref(), Some("from-file"));
        assert_eq!(value("my-prom", "api.key").as_deref(), Some("from-env"));
        assert_eq!(value("prom", "password"), None);
        assert!(secrets.get("../prom", "token").is_err());
    }
}
