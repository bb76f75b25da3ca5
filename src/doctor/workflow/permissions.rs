//! What the token of a job may do.

use serde_yaml::Value;

use super::read::{Caller, Job, Step};
use crate::report::finding::{Area, Finding, Level};

impl Caller {
    /// What the workflow's own token lacks of `needs`: names and levels as under
    /// `permissions`. What another token may do does not stand here.
    pub(super) fn permissions(
        &self,
        job: &Job,
        step: &Step,
        needs: &[(&'static str, &'static str)],
    ) -> Option<Finding> {
        let is_own = |token: &str| {
            let token = token.to_lowercase();
            token.contains("github.token") || token.contains("secrets.github_token")
        };
        if !step.token.as_deref().is_none_or(is_own) {
            return None;
        }
        let listed = |needs: &[(&str, &str)]| -> String {
            let pairs = needs.iter().map(|(name, level)| format!("{name}: {level}"));
            pairs.collect::<Vec<_>>().join(", ")
        };
        let Some(given) = job.permissions.as_ref().or(self.permissions.as_ref()) else {
            return Some(
                Finding::new(
                    Area::Workflow,
                    Level::Warning,
                    "it does not say its `permissions`: those of the repository apply",
                )
                .advise(format!(
                    "add `permissions: {{ {} }}` to the job",
                    listed(needs)
                )),
            );
        };
        let lacking: Vec<_> = needs
            .iter()
            .filter(|(name, level)| !allows(given, name, level))
            .copied()
            .collect();
        if lacking.is_empty() {
            return None;
        }
        let found = format!("its token lacks `{}`", listed(&lacking));
        Some(
            Finding::new(Area::Workflow, Level::Problem, found).advise(format!(
                "add `permissions: {{ {} }}` to the job",
                listed(needs)
            )),
        )
    }
}

fn allows(given: &Value, name: &str, level: &str) -> bool {
    match given.as_str() {
        Some("write-all") => true,
        Some("read-all") => level == "read",
        Some(_) => false,
        None => match given.get(name).and_then(Value::as_str) {
            Some("write") => true,
            Some("read") => level == "read",
            Some(_) | None => false,
        },
    }
}
