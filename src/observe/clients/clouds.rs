//! Clients for the templates that ask a cloud. Their addresses never come from a document,
//! so the credentials of the environment go to the cloud itself, or where the settings say.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::Clients;
use crate::api::{MetricProvider, MetricTemplate, ProviderType};
use crate::cli::environment;
use crate::error::{Error, Result};
use crate::observe::metrics::cloud::{Cloud, Service, endpoint};
use crate::observe::metrics::{Access, CloudWatch, Provider, Stackdriver};
use crate::settings::{Secrets, address};

/// Where Cloud Monitoring is.
const MONITORING: &str = "https://monitoring.googleapis.com/";

impl Clients {
    /// The address of a cloud's service, replaced if the settings say so.
    pub(super) fn service_address(
        &self,
        template: &MetricTemplate,
        kind: &ProviderType,
    ) -> Result<Url> {
        let settings = self.cloud.settings();
        let address = match kind.name {
            "cloudwatch" => match &settings.aws.cloudwatch {
                Some(given) => given.clone(),
                None => endpoint("monitoring", self.region(&template.spec.provider)?)?,
            },
            "stackdriver" => match &settings.google.monitoring {
                Some(given) => given.clone(),
                None => address("the address of Cloud Monitoring", MONITORING)?,
            },
            other => return Err(Error::internal(format!("nobody asks {other}"))),
        };
        let replaced = self.settings.replaced.get(address.as_str());
        Ok(replaced.cloned().unwrap_or(address))
    }

    /// CloudWatch of the template's region, with the environment's credentials: it has no
    /// Secret, as at Flagger.
    pub(super) fn cloudwatch(
        &self,
        access: &Access<'_>,
        provider: &MetricProvider,
    ) -> Result<Provider> {
        let service = Service::cloudwatch(self.region(provider)?);
        let made = CloudWatch::new(access, self.cloud.aws(service))?;
        Ok(Provider::CloudWatch(Arc::new(made)))
    }

    /// Cloud Monitoring of the Secret's project, else the environment's, with the Secret's
    /// key of a service account, else the environment's credentials.
    pub(super) fn stackdriver(&self, access: &Access<'_>) -> Result<Provider> {
        let google = &self.cloud.settings().google;
        let project = match access.keys.get("project")? {
            Some(project) => Some(project),
            None => google.project.as_deref().map(SecretString::from),
        };
        let project = project.ok_or_else(|| {
            let hint = match access.keys.name {
                Some(name) => Secrets::how_to_give(name, "project"),
                None => "set spec.provider.secretRef.name to a Secret with the key project".into(),
            };
            Error::usage("no project is named for Cloud Monitoring").hint(format!(
                "{hint}, or set {}",
                environment::GOOGLE_CLOUD_PROJECT
            ))
        })?;
        let signer = match (access.keys.get("serviceAccountKey")?, access.keys.name) {
            (Some(key), Some(name)) => {
                let from = format!("the key serviceAccountKey of the Secret {name}");
                Cloud::google_key(key, &from)
            }
            (_, _) => self.cloud.google(),
        };
        let made = Stackdriver::new(access, project.expose_secret(), signer)?;
        Ok(Provider::Stackdriver(Arc::new(made)))
    }

    /// The region of a template, else the environment's.
    fn region<'a>(&'a self, provider: &'a MetricProvider) -> Result<&'a str> {
        let given = provider.region.as_deref().map(str::trim);
        let given = given.filter(|region| !region.is_empty());
        let given = given.or(self.cloud.settings().aws.region.as_deref());
        given.ok_or_else(|| {
            Error::document("CloudWatch is asked in a region, and none is named").hint(format!(
                "set spec.provider.region, or {}",
                environment::AWS_REGION
            ))
        })
    }
}
