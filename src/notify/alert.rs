//! What an alert says, whoever gets it.

use url::Url;

use super::News;
use crate::api::{AlertSeverity, Analysis, Canary, Phase, Strategy};
use crate::decide::Notice;
use crate::settings::NotifySettings;

/// Characters of a message at most; some receivers refuse more than 4000.
const MAX_TEXT: usize = 2000;

/// Characters of a commit's name that are shown.
const SHORT: usize = 8;

/// What an alert says.
#[derive(Debug, Clone)]
pub(super) struct Message<'a> {
    /// Name of the Canary.
    pub(super) name: &'a str,
    /// Namespace of the Canary; empty when its document has none.
    pub(super) namespace: &'a str,
    /// How bad it is.
    pub(super) severity: AlertSeverity,
    /// One sentence.
    pub(super) text: String,
    /// The phase now.
    pub(super) phase: Option<Phase>,
    /// Further facts by name.
    pub(super) fields: Vec<(&'static str, String)>,
    /// The commit that did it.
    pub(super) commit: Option<Commit<'a>>,
}

/// A commit, and where it is shown.
#[derive(Debug, Clone)]
pub(super) struct Commit<'a> {
    /// Full name.
    pub(super) sha: &'a str,
    /// Address, if it is known.
    pub(super) url: Option<Url>,
}

impl Commit<'_> {
    /// The beginning of its name.
    pub(super) fn short(&self) -> &str {
        self.sha.get(..SHORT).unwrap_or(self.sha)
    }
}

impl<'a> Message<'a> {
    /// What is said about `notice`.
    pub(super) fn new(news: &News<'a>, notice: &Notice, settings: &NotifySettings) -> Self {
        let metadata = &news.canary.metadata;
        let mut fields = Vec::new();
        if let Some(cluster) = &settings.cluster {
            fields.push(("Cluster", cluster.clone()));
        }
        if notice.details {
            fields.extend(details(news.canary));
        }
        Self {
            name: &metadata.name,
            namespace: metadata.namespace.as_deref().unwrap_or_default(),
            severity: notice.severity,
            text: shortened(&notice.message),
            phase: news.phase,
            fields,
            commit: news.commit.map(|sha| Commit {
                sha,
                url: settings
                    .commits
                    .as_ref()
                    .and_then(|commits| commits.join(sha).ok()),
            }),
        }
    }

    /// `podinfo.test`, as Flagger calls a Canary.
    pub(super) fn title(&self) -> String {
        match self.namespace.is_empty() {
            true => self.name.to_owned(),
            false => format!("{}.{}", self.name, self.namespace),
        }
    }

    /// The commit's address and what to call it.
    pub(super) fn link(&self) -> Option<(String, String)> {
        let commit = self.commit.as_ref()?;
        let url = commit.url.as_ref()?;
        Some((format!("Commit {}", commit.short()), url.to_string()))
    }

    /// The fields, with the commit when there is no link to it.
    pub(super) fn shown_fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = self.fields.clone();
        match &self.commit {
            Some(commit) if commit.url.is_none() => {
                fields.push(("Commit", commit.short().to_owned()));
            }
            Some(_) | None => {}
        }
        fields
    }
}

/// Target, thresholds and steps (Flagger: `events.go`, `alertMetadata`).
fn details(canary: &Canary) -> Vec<(&'static str, String)> {
    let spec = &canary.spec;
    let target = &spec.target_ref;
    let name = match canary.metadata.namespace.as_deref() {
        Some(namespace) => format!("{}.{namespace}", target.name),
        None => target.name.clone(),
    };
    let deadline = spec.progress_deadline().as_secs();
    let mut fields = vec![("Target", format!("{}/{name}", target.kind))];
    if let Some(analysis) = &spec.analysis {
        let threshold = analysis.threshold().to_string();
        fields.push(("Failed checks threshold", threshold));
    }
    fields.push(("Progress deadline", format!("{deadline}s")));
    if let Some(analysis) = &spec.analysis {
        fields.push(("Traffic routing", routing(analysis)));
    }
    fields
}

fn routing(analysis: &Analysis) -> String {
    let max = analysis.max_weight();
    match (analysis.strategy(), analysis.ladder()) {
        (Strategy::AbTesting, _) => "A/B Testing".to_owned(),
        (Strategy::BlueGreen, _) => "Blue/Green".to_owned(),
        (Strategy::Canary, []) => {
            let step = analysis.step_weight.unwrap_or_default();
            format!("Weight step: {step} max: {max}")
        }
        (Strategy::Canary, ladder) => {
            let steps: Vec<String> = ladder.iter().map(ToString::to_string).collect();
            format!("Weight steps: {} max: {max}", steps.join(","))
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
