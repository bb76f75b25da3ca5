//! What the environment says about Amazon's and Google's clouds, by the names that
//! their own tools give.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::time::Instant;
use url::Url;

use super::{Environment, address};
use crate::cli::environment;
use crate::error::{Error, Result};

/// The time as it passes, for what others compare with their own clocks: signatures and
/// the end of credentials. Not that of `--now`.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Timestamp,
    since: Instant,
}

impl Clock {
    /// A clock that shows `started` now.
    #[must_use]
    pub fn new(started: Timestamp) -> Self {
        Self {
            started,
            since: Instant::now(),
        }
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.since.elapsed()).unwrap_or(SignedDuration::MAX);
        let now = self.started.checked_add(passed);
        now.unwrap_or(Timestamp::MAX)
    }
}

/// What the environment says about clouds.
#[derive(Debug, Clone, Default)]
pub struct CloudSettings {
    /// Amazon.
    pub aws: AwsSettings,
    /// Google.
    pub google: GoogleSettings,
    /// `None` when nobody said what time it is: then nothing is signed.
    pub clock: Option<Clock>,
}

/// Credentials and addresses of AWS, from the variables of its tools.
#[derive(Debug, Clone, Default)]
pub struct AwsSettings {
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    pub key: Option<(String, SecretString)>,
    /// `AWS_SESSION_TOKEN`; belongs to `key`.
    pub session_token: Option<SecretString>,
    /// What stands for a role when there is no `key`.
    pub web_identity: Option<WebIdentity>,
    /// `AWS_REGION`, else `AWS_DEFAULT_REGION`.
    pub region: Option<String>,
    /// `AWS_ENDPOINT_URL_CLOUDWATCH`, else `AWS_ENDPOINT_URL`.
    pub cloudwatch: Option<Url>,
    /// `AWS_ENDPOINT_URL_STS`, else `AWS_ENDPOINT_URL`.
    pub sts: Option<Url>,
}

/// A role that a token of another identity provider may take.
#[derive(Debug, Clone)]
pub struct WebIdentity {
    /// `AWS_ROLE_ARN`.
    pub role: String,
    /// `AWS_ROLE_SESSION_NAME`. Defaults to `weirkeeper`.
    pub session: String,
    /// `AWS_WEB_IDENTITY_TOKEN_FILE`: read anew for each exchange, since whoever writes it
    /// replaces the token before it ends.
    pub token_file: PathBuf,
}

/// Credentials and addresses of Google Cloud, from the variables of its tools.
#[derive(Debug, Clone, Default)]
pub struct GoogleSettings {
    /// `GOOGLE_OAUTH_ACCESS_TOKEN`, else `CLOUDSDK_AUTH_ACCESS_TOKEN`: a token that is
    /// sent as it is.
    pub token: Option<SecretString>,
    /// `GOOGLE_APPLICATION_CREDENTIALS`.
    pub credentials_file: Option<PathBuf>,
    /// `GOOGLE_CLOUD_PROJECT`, else `CLOUDSDK_CORE_PROJECT`.
    pub project: Option<String>,
    /// `CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING`.
    pub monitoring: Option<Url>,
}

impl CloudSettings {
    /// Resolves what `environment` says.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) for an address that is none, or half of a
    /// pair.
    pub fn new(environment: &Environment) -> Result<Self> {
        Ok(Self {
            aws: AwsSettings::new(environment)?,
            google: GoogleSettings::new(environment)?,
            clock: environment.clock,
        })
    }
}

impl AwsSettings {
    fn new(environment: &Environment) -> Result<Self> {
        let key = pair(
            environment,
            environment::AWS_ACCESS_KEY_ID,
            environment::AWS_SECRET_ACCESS_KEY,
        )?;
        let role = pair(
            environment,
            environment::AWS_ROLE_ARN,
            environment::AWS_WEB_IDENTITY_TOKEN_FILE,
        );
        let web_identity = match (&key, role) {
            // The action that sets the key may leave a role behind.
            (Some(_), _) => None,
            (None, role) => role?.map(|(role, token_file)| WebIdentity {
                role: role.to_owned(),
                session: environment
                    .get(environment::AWS_ROLE_SESSION_NAME)
                    .unwrap_or("weirkeeper")
                    .to_owned(),
                token_file: PathBuf::from(token_file),
            }),
        };
        let region = environment
            .get(environment::AWS_REGION)
            .or_else(|| environment.get(environment::AWS_DEFAULT_REGION));
        Ok(Self {
            key: key.map(|(id, secret)| (id.to_owned(), SecretString::from(secret))),
            session_token: environment.secret(environment::AWS_SESSION_TOKEN),
            web_identity,
            region: region.map(str::to_owned),
            cloudwatch: endpoint(environment, environment::AWS_ENDPOINT_URL_CLOUDWATCH)?,
            sts: endpoint(environment, environment::AWS_ENDPOINT_URL_STS)?,
        })
    }
}

impl GoogleSettings {
    fn new(environment: &Environment) -> Result<Self> {
        let project = environment
            .get(environment::GOOGLE_CLOUD_PROJECT)
            .or_else(|| environment.get(environment::CLOUDSDK_CORE_PROJECT));
        let file = environment.get(environment::GOOGLE_APPLICATION_CREDENTIALS);
        let monitoring = environment::CLOUDSDK_MONITORING;
        Ok(Self {
            token: environment
                .secret(environment::GOOGLE_OAUTH_ACCESS_TOKEN)
                .or_else(|| environment.secret(environment::CLOUDSDK_AUTH_ACCESS_TOKEN)),
            credentials_file: file.map(PathBuf::from),
            project: project.map(str::to_owned),
            monitoring: environment
                .get(monitoring)
                .map(|text| address(monitoring, text))
                .transpose()?,
        })
    }
}

/// Two variables that need each other.
fn pair<'e>(
    environment: &'e Environment,
    first: &str,
    second: &str,
) -> Result<Option<(&'e str, &'e str)>> {
    match (environment.get(first), environment.get(second)) {
        (Some(first), Some(second)) => Ok(Some((first, second))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Error::usage(format!("{first} needs {second}"))),
        (None, Some(_)) => Err(Error::usage(format!("{second} needs {first}"))),
    }
}

/// The address of one service, else the one of all.
fn endpoint(environment: &Environment, service: &str) -> Result<Option<Url>> {
    [service, environment::AWS_ENDPOINT_URL]
        .iter()
        .find_map(|name| Some((name, environment.get(name)?)))
        .map(|(name, text)| address(name, text))
        .transpose()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<CloudSettings> {
        let pairs = pairs.iter();
        CloudSettings::new(&Environment::new(
            pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        ))
    }

    #[test]
    fn nothing_is_set() {
        let CloudSettings { aws, google, clock } = settings(&[]).unwrap();
        assert!(aws.key.is_none() && aws.web_identity.is_none() && aws.region.is_none());
        assert!(google.token.is_none() && google.credentials_file.is_none());
        assert!(clock.is_none());
    }

    #[test]
    fn keys_come_before_a_role() {
        let role = [
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
        ];
        let aws = settings(&role).unwrap().aws;
        let identity = aws.web_identity.unwrap();
        assert_eq!(identity.session, "weirkeeper");
        assert_eq!(identity.token_file, PathBuf::from("/var/run/token"));
        let mut both = vec![
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
        ];
        both.extend(role);
        let aws = settings(&both).unwrap().aws;
        assert_eq!(aws.key.unwrap().1.expose_secret(), "s");
        assert!(aws.web_identity.is_none());
    }

    #[test]
    fn half_of_a_pair_is_named() {
        for (given, missing) in [
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
            ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ] {
            let error = settings(&[(given, "hunter2")]).unwrap_err();
            assert_eq!(error.chain(), format!("{given} needs {missing}"));
        }
    }

    #[test]
    fn the_own_variable_of_a_service_wins() {
        let one = settings(&[("AWS_ENDPOINT_URL", "http://all")]).unwrap().aws;
        assert_eq!(one.sts.unwrap().as_str(), "http://all/");
        let both = settings(&[
            ("AWS_ENDPOINT_URL", "http://all"),
            ("AWS_ENDPOINT_URL_CLOUDWATCH", "http://cw"),
        ]);
        let both = both.unwrap().aws;
        assert_eq!(both.cloudwatch.unwrap().as_str(), "http://cw/");
        assert_eq!(both.sts.unwrap().as_str(), "http://all/");
        assert!(settings(&[("AWS_ENDPOINT_URL", "sts.internal")]).is_err());
    }

    #[test]
    fn a_clock_goes_on() {
        let started: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let passed = std::time::Duration::from_secs(90);
        let since = Instant::now().checked_sub(passed).unwrap();
        let now = Clock { started, since }.now();
        assert!(
            now >= started + passed && now < started + passed * 2,
            "{now}"
        );
    }
}
