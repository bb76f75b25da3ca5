//! Would the rules of the branch refuse a step?

use super::Doctor;
use crate::cli::CommitVia;
use crate::github::{Rule, Way};
use crate::report::finding::{Area, Finding, Level};

impl Doctor {
    pub(super) async fn rules(&self, via: CommitVia) -> Vec<Finding> {
        let Ok(branch) = &self.branch else {
            // Git has said so.
            return Vec::new();
        };
        if let Err(unknown) = self.github_is_known(Area::Rules) {
            return vec![unknown];
        }
        let name = branch.name();
        let (rules, protection) =
            tokio::join!(self.github.rules(name), self.github.protection(name));
        let mut found = match &rules {
            Ok(rules) => rules
                .iter()
                .filter_map(|rule| self.broken(rule, via))
                .collect(),
            Err(_) => Vec::new(),
        };
        let has_rulesets = rules.as_ref().is_ok_and(|rules| !rules.is_empty());
        match rules {
            Err(refused) => found.push(super::untold(Area::Rules, refused)),
            Ok(_) if !found.is_empty() => {}
            Ok(_) => match protection {
                Ok(protection) if protection.protected && !has_rulesets => {
                    let told = "the branch has classic protection; what it asks for only \
                                administrators may read";
                    let finding = Finding::new(Area::Rules, Level::Warning, told);
                    found.push(finding.advise(
                        "let this app bypass it (Settings > Branches), or use `commit-via: \
                         pull-request`",
                    ));
                }
                Ok(_) => {
                    let told = format!("no rule is in the way of {}", shown(via));
                    found.push(Finding::new(Area::Rules, Level::Ok, told));
                }
                Err(refused) => found.push(super::untold(Area::Rules, refused)),
            },
        }
        let about = |finding: Finding| finding.about(name);
        found.into_iter().map(about).collect()
    }

    /// A rule that commits made so would break. Who may bypass it is not known.
    fn broken(&self, rule: &Rule, via: CommitVia) -> Option<Finding> {
        const BYPASS: &str = "or put this app on the bypass list of the ruleset";
        let advice = match (rule.way()?, via) {
            (Way::PullRequest, CommitVia::PullRequest) => return None,
            (Way::PullRequest, CommitVia::Git | CommitVia::Api) => "use `commit-via: pull-request`",
            (Way::Signature, CommitVia::Api) => return None,
            (Way::Signature, CommitVia::Git | CommitVia::PullRequest) if self.signs => return None,
            (Way::Signature, CommitVia::Git) => {
                "use `commit-via: api`, with which GitHub signs, or --sign-key"
            }
            (Way::Signature, CommitVia::PullRequest) => "sign the commits with --sign-key",
            (Way::Commit, _) => {
                let finding = Finding::new(Area::Rules, Level::Warning, rule.to_string());
                return Some(
                    finding
                        .advise("does it match what --author says?")
                        .advise(BYPASS),
                );
            }
            (Way::Bypass, _) => "change the rule",
        };
        let finding = Finding::new(Area::Rules, Level::Problem, rule.to_string());
        Some(finding.advise(advice).advise(BYPASS))
    }
}

fn shown(via: CommitVia) -> &'static str {
    match via {
        CommitVia::Git => "a push",
        CommitVia::Api => "a commit by the API",
        CommitVia::PullRequest => "a pull request",
    }
}
