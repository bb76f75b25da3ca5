//! Workflows (`GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}`) and
//! starting one (`POST …/dispatches`). The name of its file stands for its number.

use serde::Deserialize;
use serde_json::json;

use super::{Ask, GitHub, Refused};
use crate::error::{Error, Result};

/// A workflow as GitHub knows it: the one of the default branch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Workflow {
    /// `active`, `disabled_inactivity`, `disabled_manually`, `disabled_fork`, `deleted`.
    pub state: String,
}

impl GitHub {
    /// The workflow of a file in `.github/workflows`; `None` when GitHub does not
    /// know it.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn workflow(&self, file: &str) -> Result<Option<Workflow>, Refused> {
        let ask = Ask::get(["actions", "workflows", file]).needs("actions: read");
        self.find(&ask).await
    }

    /// Starts the workflow of `file` at the branch or tag `reference`, without
    /// inputs.
    ///
    /// # Errors
    /// [`Kind::Remote`](crate::error::Kind::Remote) when GitHub does not answer or
    /// refuses. It is asked once: nobody knows whether a lost request has started
    /// something.
    pub async fn dispatch(&self, file: &str, reference: &str) -> Result<()> {
        let ask = Ask::post(["actions", "workflows", file, "dispatches"])
            .needs("actions: write")
            .json(json!({ "ref": reference }));
        self.tell(&ask).await.map_err(|refused| {
            let may_not = refused.is(403) || refused.is(404);
            let is_refused = refused.is(422);
            let error = Error::from(refused).while_doing(format!("cannot start {file}"));
            match is_refused {
                true => error.hint(format!(
                    "{file} needs `on: workflow_dispatch`, without inputs that are required, and \
                     has to be enabled"
                )),
                false if may_not => error.hint("`--redispatch` needs `actions: write`"),
                false => error,
            }
        })
    }
}
