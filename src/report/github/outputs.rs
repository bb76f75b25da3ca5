//! The outputs of a workflow step.

use crate::error::{Error, Result};
use crate::report::Run;

/// Outputs of the step, in the format of `GITHUB_OUTPUT`.
///
/// # Errors
/// When the results cannot be written as JSON.
pub fn outputs(run: &Run) -> Result<String> {
    let results = serde_json::to_string(&run.results)
        .map_err(|error| Error::internal("cannot write the results").because(error))?;
    let next = run
        .next_step_at()
        .map(|at| at.to_string())
        .unwrap_or_default();
    let changed = run.pushed && !run.commits().is_empty();
    let commits = match changed {
        true => run.commits().join(" "),
        false => String::new(),
    };
    // JSON on one line holds no line break, so no delimiter is needed.
    Ok(format!(
        "changed={changed}\ncommits={commits}\nresults={results}\nactive={}\nnext-step-at={next}\n",
        run.is_active()
    ))
}
