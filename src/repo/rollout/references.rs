//! The documents that a Canary refers to by name: MetricTemplates and
//! AlertProviders.

use std::collections::BTreeMap;

use crate::api::{
    AlertProvider, Canary, Document, FieldPath, Metric, MetricProvider, MetricTemplate,
    NamespacedRef, Problem, ProviderType, read,
};
use crate::error::{Error, Kind, Result};
use crate::repo::inventory::{Inventory, is_below};
use crate::repo::manifest::Manifest;
use crate::template::{QueryVars, TemplateError, render_query};

/// Where the references of one Canary lead.
pub(super) struct References<'a> {
    inventory: &'a Inventory,
    canary: &'a Canary,
    /// Path of the Canary's file.
    path: &'a str,
}

impl<'a> References<'a> {
    pub(super) fn new(inventory: &'a Inventory, canary: &'a Canary, path: &'a str) -> Self {
        Self {
            inventory,
            canary,
            path,
        }
    }

    /// The template of each metric, and what is wrong with them.
    pub(super) fn templates(&self) -> Result<(BTreeMap<usize, MetricTemplate>, Vec<Problem>)> {
        let mut templates = BTreeMap::new();
        let mut problems = Vec::new();
        let metrics = self
            .canary
            .spec
            .analysis
            .as_ref()
            .map(crate::api::Analysis::metrics);
        for (index, metric) in metrics.unwrap_or_default().iter().enumerate() {
            let Some(reference) = &metric.template_ref else {
                continue;
            };
            let path = FieldPath::root()
                .key("spec")
                .key("analysis")
                .key("metrics")
                .index(index)
                .key("templateRef");
            let found =
                self.shared::<MetricTemplate>(self.inventory.templates(), reference, "templateRef");
            match found.and_then(|(template, shown)| supported(template, &shown)) {
                Ok(template) => {
                    templates.insert(index, template);
                }
                Err(error) if error.kind() == Kind::Document => {
                    let mut problem = Problem::error(path.key("name"), error.chain());
                    problem.hint = error.hints().first().cloned();
                    problems.push(problem);
                }
                Err(error) => return Err(error),
            }
        }
        Ok((templates, problems))
    }

    /// The AlertProvider of each alert, and a warning for each that is not
    /// there: nobody being told stops no release.
    pub(super) fn alert_providers(&self) -> (BTreeMap<usize, AlertProvider>, Vec<Problem>) {
        let mut providers = BTreeMap::new();
        let mut problems = Vec::new();
        let analysis = self.canary.spec.analysis.as_ref();
        let alerts = analysis.map(crate::api::Analysis::alerts);
        let path = FieldPath::root().key("spec").key("analysis").key("alerts");
        for (index, alert) in alerts.unwrap_or_default().iter().enumerate() {
            let found = self.shared::<AlertProvider>(
                self.inventory.alert_providers(),
                &alert.provider_ref,
                "providerRef",
            );
            match found {
                Ok((provider, _)) => {
                    providers.insert(index, provider);
                }
                Err(error) => {
                    let path = path.index(index).key("providerRef").key("name");
                    let message = format!("nobody is told: {}", error.chain());
                    let mut problem = Problem::warning(path, message);
                    problem.hint = error.hints().first().cloned();
                    problems.push(problem);
                }
            }
        }
        (providers, problems)
    }

    /// The document that `reference` names, the nearest one, and how it is
    /// shown. `field` is the name of the reference.
    fn shared<T: Document>(
        &self,
        all: &[Manifest],
        reference: &NamespacedRef,
        field: &str,
    ) -> Result<(T, String)> {
        let name = reference.name.as_str();
        let named = reference.namespace.as_deref();
        let namespace = named.filter(|namespace| !namespace.is_empty()).or(self
            .canary
            .metadata
            .namespace
            .as_deref());
        let fits = |manifest: &&Manifest| {
            let same = match (namespace, manifest.namespace.as_deref()) {
                (Some(wanted), Some(found)) => wanted == found,
                (None, _) | (_, None) => true,
            };
            same && manifest.name == name
        };
        let all: Vec<&Manifest> = all.iter().filter(fits).collect();
        let near = Inventory::levels(self.path, None)
            .into_iter()
            .find_map(|level| {
                let here: Vec<&Manifest> = all
                    .iter()
                    .copied()
                    .filter(|manifest| is_below(manifest.path(), &level))
                    .collect();
                (!here.is_empty()).then_some(here)
            });
        let kind = T::KIND;
        let shown = match namespace {
            Some(namespace) => format!("{kind} {namespace}/{name}"),
            None => format!("{kind} {name}"),
        };
        let manifest = match near.as_deref() {
            None | Some([]) => {
                let error = Error::document(format!("there is no {shown} in the repository"));
                return Err(error.hint(format!(
                    "commit the {kind}, or set {field}.namespace to where it is"
                )));
            }
            Some([manifest]) => manifest,
            Some([first, second, ..]) => {
                return Err(Error::document(format!(
                    "there are two of {shown}: {} and {}",
                    first.path(),
                    second.path()
                ))
                .hint("remove one of them, or skip it in .weirkeeperignore"));
            }
        };
        Ok((valid::<T>(manifest, &shown)?, shown))
    }
}

/// Reads a document that a Canary refers to, if it is valid.
fn valid<T: Document>(manifest: &Manifest, shown: &str) -> Result<T> {
    let (document, problems) = read::<T>(serde_yaml::Value::clone(&manifest.value));
    let wrong = problems.iter().find(|problem| problem.is_error());
    match (document, wrong) {
        (Some(document), None) => Ok(document),
        (_, wrong) => Err(Error::document(format!("{shown} is not valid")).because(
            wrong.map_or_else(String::new, |problem| {
                let place = manifest.diagnostic(problem).location().unwrap_or_default();
                format!("{place}: {}: {}", problem.path, problem.message)
            }),
        )),
    }
}

/// Queries that cannot be rendered. Found now, and not in the middle of a
/// release that is then neither judged nor rolled back.
pub(super) fn queries(
    canary: &Canary,
    templates: &BTreeMap<usize, MetricTemplate>,
) -> Vec<Problem> {
    let analysis = canary.spec.analysis.as_ref();
    let metrics = analysis.map(crate::api::Analysis::metrics);
    let path = FieldPath::root().key("spec");
    let mut problems = Vec::new();
    for (index, metric) in metrics.unwrap_or_default().iter().enumerate() {
        let path = path.key("analysis").key("metrics").index(index);
        let vars = QueryVars::new(canary, metric);
        if let Some(Err(error)) = metric.inline_query().map(|text| render_query(text, &vars)) {
            problems.push(unrendered(path.key("query"), "the query", error));
        }
        if let Some(Err(error)) = metric
            .requests_query()
            .map(|text| render_query(text, &vars))
        {
            problems.push(unrendered(path.key("requestsQuery"), "the query", error));
        }
        if let Some(template) = templates.get(&index)
            && let Err(error) = render_query(&template.spec.query, &vars)
        {
            let what = format!("the query of MetricTemplate {}", template.metadata.name);
            problems.push(unrendered(
                path.key("templateRef").key("name"),
                &what,
                error,
            ));
        }
        problems.extend(uncounted(metric, templates.get(&index), &path));
    }
    problems
}

/// A metric whose requests are counted where nobody understands the built-in query.
fn uncounted(
    metric: &Metric,
    template: Option<&MetricTemplate>,
    path: &FieldPath,
) -> Option<Problem> {
    let kind = &template?.spec.provider.kind;
    let is_missing = metric.min_requests() > 0 && metric.requests_query().is_none();
    let is_other = kind != MetricProvider::PROMETHEUS;
    (is_missing && is_other).then(|| {
        let message = format!("requests cannot be counted at `{kind}` without `requestsQuery`");
        let problem = Problem::error(path.key("minRequests"), message);
        problem.hint("give a query in the language of the provider, or leave minRequests out")
    })
}

fn unrendered(path: FieldPath, what: &str, mut error: TemplateError) -> Problem {
    let hint = error.hint.take();
    let problem = Problem::error(path, format!("{what} cannot be rendered: {error}"));
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// Types that this version does not ask.
const NOT_YET: [&str; 2] = ["cloudwatch", "stackdriver"];

/// Refuses providers that cannot be asked from outside of the cluster.
fn supported(template: MetricTemplate, shown: &str) -> Result<MetricTemplate> {
    let kind = template.spec.provider.kind.as_str();
    let refused = ProviderType::of(kind).and_then(|kind| kind.refused);
    if let Some(why) = refused {
        return Err(
            Error::document(format!("{shown} asks {kind}, which cannot be done: {why}"))
                .hint("measure the same with another provider, Prometheus for one"),
        );
    }
    if NOT_YET.contains(&kind) {
        return Err(
            Error::document(format!("{shown} asks {kind}, which this version cannot do"))
                .hint("use a template whose spec.provider.type is prometheus"),
        );
    }
    Ok(template)
}
