//! Which rules of the branch are behind a refusal, and what to change.

use std::collections::BTreeSet;

use super::{Via, World};
use crate::error::Error;
use crate::github::Way;

/// How a refusal by branch rules begins, by git and by the API: GH013 is a ruleset,
/// GH006 classic protection.
const BY_RULES: [&str; 6] = [
    "gh013",
    "rule violation",
    "gh006",
    "protected branch",
    "branch protection",
    "ruleset",
];

/// Most rules that are named.
const SHOWN: usize = 8;

impl World {
    /// When `error` is a refusal by the rules of `branch`, names them and says what
    /// to change. Any other error, and one about which GitHub cannot be asked, stays
    /// as it is.
    pub(in crate::tick) async fn name_rules(&self, branch: &str, error: Error) -> Error {
        let told = error.chain().to_lowercase();
        let is_by_rules = BY_RULES.iter().any(|mark| told.contains(mark));
        if !is_by_rules || !self.github.is_known() {
            return error;
        }
        let rules = match self.github.rules(branch).await {
            Ok(rules) => rules,
            Err(refused) => {
                tracing::debug!(said = refused.said, "the rules are not known");
                return error;
            }
        };
        let mut error = error.without_hints();
        let mut ways = Vec::new();
        for (rule, way) in rules
            .iter()
            .filter_map(|rule| Some((rule, rule.way()?)))
            .take(SHOWN)
        {
            error = error.hint(rule.to_string());
            ways.push(self.way_out(way));
        }
        if ways.is_empty() {
            return error.hint(self.classic(branch));
        }
        let mut seen = BTreeSet::new();
        ways.retain(|way| seen.insert(way.clone()));
        ways.into_iter().fold(error, Error::hint)
    }

    /// What satisfies a rule.
    fn way_out(&self, way: Way) -> String {
        const BYPASS: &str = "put this app on the bypass list of the ruleset";
        match (way, &self.via) {
            (Way::PullRequest, Via::Git | Via::Api) => {
                format!("use `commit-via: pull-request`, or {BYPASS}")
            }
            (Way::Signature, Via::Git | Via::PullRequest(_)) if self.repository.signs() => {
                "add the public half of --sign-key as a signing key to the account that the \
                 author's address belongs to"
                    .to_owned()
            }
            (Way::Signature, Via::Git) => {
                "sign the commits with --sign-key, or use `commit-via: api`: GitHub signs those"
                    .to_owned()
            }
            (Way::Signature, Via::PullRequest(_)) => "sign the commits with --sign-key".to_owned(),
            (Way::Commit, _) => {
                format!("change the rule's pattern, commit as another --author, or {BYPASS}")
            }
            (Way::Signature, Via::Api)
            | (Way::PullRequest, Via::PullRequest(_))
            | (Way::Bypass, _) => {
                let mut list = BYPASS.to_owned();
                list.push_str(", or change the rule");
                list
            }
        }
    }

    /// No ruleset says it, so classic protection does. What it says only
    /// administrators may read.
    fn classic(&self, branch: &str) -> String {
        let place = match self.github.repository() {
            Ok(repository) => format!("Settings > Branches of {repository}"),
            Err(_) => "Settings > Branches".to_owned(),
        };
        format!(
            "GitHub shows no ruleset that is in the way: look at the classic protection of `{branch}` \
             ({place}), let this app bypass its pull requests and checks there, or use \
             `commit-via: pull-request`"
        )
    }
}
