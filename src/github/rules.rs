//! The rules of a branch (`GET /repos/{owner}/{repo}/rules/branches/{branch}`).

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::{Ask, GitHub, Refused};

/// One rule of a ruleset that is in force for a branch.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Rule {
    /// What it asks for: `pull_request`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `Repository`, `Organization` or `Enterprise`.
    #[serde(default)]
    pub ruleset_source_type: String,
    /// `owner/name`, or the name of the organization.
    #[serde(default)]
    pub ruleset_source: String,
    /// The number of its ruleset.
    pub ruleset_id: Option<u64>,
    /// What else it says, by kind.
    #[serde(default)]
    pub parameters: Value,
}

/// What a refusal asks of whoever runs Weirkeeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Changes take another way than a push: a pull request.
    PullRequest,
    /// Commits are signed.
    Signature,
    /// The commit itself is to be another one.
    Commit,
    /// Nothing but the rule can be changed.
    Bypass,
}

impl Rule {
    /// What it takes to satisfy the rule; `None` for one that no commit of ours can
    /// break: they are made one on top of the other, and nothing is forced.
    #[must_use]
    pub fn way(&self) -> Option<Way> {
        Some(match self.kind.as_str() {
            "pull_request"
            | "required_status_checks"
            | "required_deployments"
            | "merge_queue"
            | "workflows"
            | "code_scanning"
            | "code_quality"
            | "copilot_code_review" => Way::PullRequest,
            "required_signatures" => Way::Signature,
            "commit_message_pattern"
            | "commit_author_email_pattern"
            | "committer_email_pattern" => Way::Commit,
            "deletion" | "non_fast_forward" | "required_linear_history" | "tag_name_pattern" => {
                return None;
            }
            // `update`, `creation`, `branch_name_pattern`, `file_path_restriction`,
            // `file_extension_restriction`, `max_file_size`, `max_file_path_length`,
            // and what GitHub thinks of next.
            _other => Way::Bypass,
        })
    }

    /// What it asks for, in words.
    fn asks(&self) -> String {
        let parameters = &self.parameters;
        let text = |name: &str| parameters[name].as_str().unwrap_or_default();
        match self.kind.as_str() {
            "pull_request" => match parameters["required_approving_review_count"].as_u64() {
                None | Some(0) => "a pull request".to_owned(),
                Some(1) => "a pull request with 1 approval".to_owned(),
                Some(count) => format!("a pull request with {count} approvals"),
            },
            "required_status_checks" => {
                let checks = parameters["required_status_checks"].as_array();
                let names = checks.into_iter().flatten();
                let names = names.filter_map(|check| check["context"].as_str());
                format!("the checks {} to have passed", listed(names))
            }
            "required_signatures" => "signed commits".to_owned(),
            "merge_queue" => "the merge queue".to_owned(),
            "update" => "nobody to push who is not on its bypass list".to_owned(),
            "creation" => "nobody to create the branch who is not on its bypass list".to_owned(),
            "commit_message_pattern"
            | "commit_author_email_pattern"
            | "committer_email_pattern"
            | "branch_name_pattern" => {
                let not = match parameters["negate"] == true {
                    true => "not ",
                    false => "",
                };
                let what = match self.kind.as_str() {
                    "commit_message_pattern" => "message",
                    "commit_author_email_pattern" => "author's address",
                    "committer_email_pattern" => "committer's address",
                    _name => "branch's name",
                };
                let operator = text("operator").replace('_', " ");
                format!("the {what} to match: {not}{operator} `{}`", text("pattern"))
            }
            "file_path_restriction" => {
                let paths = parameters["restricted_file_paths"].as_array();
                let paths = paths.into_iter().flatten().filter_map(Value::as_str);
                format!("no change to {}", listed(paths))
            }
            "file_extension_restriction" => {
                let ends = parameters["restricted_file_extensions"].as_array();
                let ends = ends.into_iter().flatten().filter_map(Value::as_str);
                format!("no file {}", listed(ends))
            }
            "max_file_size" => format!("files of at most {} MB", parameters["max_file_size"]),
            "max_file_path_length" => {
                let length = &parameters["max_file_path_length"];
                format!("paths of at most {length} characters")
            }
            other => format!("what GitHub calls `{other}`: see Settings > Rules"),
        }
    }
}

/// A few names, in quotes.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.get(..SHOWN).filter(|_| names.len() > SHOWN) {
        Some(first) => format!("{}, …", first.join(", ")),
        None => names.join(", "),
    }
}

/// "`update` of ruleset 7 of me/fleet asks for …".
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}`", self.kind)?;
        if let Some(id) = self.ruleset_id {
            write!(f, " of ruleset {id}")?;
        }
        match (&*self.ruleset_source_type, &*self.ruleset_source) {
            (_, "") => {}
            ("Organization", name) => write!(f, " of the organization {name}")?,
            ("Enterprise", name) => write!(f, " of the enterprise {name}")?,
            (_, name) => write!(f, " of {name}")?,
        }
        write!(f, " asks for {}", self.asks())
    }
}

impl GitHub {
    /// Every rule that is in force for `branch`, of all rulesets. Classic branch
    /// protection is not among them.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn rules(&self, branch: &str) -> Result<Vec<Rule>, Refused> {
        let ask = Ask::get(["rules", "branches", branch]).needs("metadata: read");
        self.pages(&ask).await
    }
}
