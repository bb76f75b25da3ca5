//! The commit message of a step: what and why for people, trailers for
//! programs, so that the history alone tells the story.

use crate::api::Canary;
use crate::decide::{Measurement, Plan, Share};
use crate::error::Result;
use crate::repo::trailers;

use super::Outcome;

/// Longest first line; a longer reason is written out below it.
const SUBJECT: usize = 100;

/// Writes the message of the commit that carries out `plan`.
///
/// # Errors
/// When a trailer cannot be written: a name with a control character.
pub fn commit(canary: &Canary, plan: &Plan, outcome: &Outcome) -> Result<String> {
    let name = match &canary.metadata.namespace {
        Some(namespace) => format!("{}.{namespace}", canary.metadata.name),
        None => canary.metadata.name.clone(),
    };
    let reason = plan.reasons.first().map_or("", String::as_str);
    let mut subject = format!("{name}: {reason}");
    let mut body = Vec::new();
    if subject.chars().count() > SUBJECT {
        subject = subject.chars().take(SUBJECT - 1).collect();
        subject.push('…');
        body.push(reason.to_owned());
    }
    body.extend(plan.reasons.iter().skip(1).cloned());
    body.extend(measured(plan));
    if let Some(next) = plan.next_step_at {
        body.push(format!("next step not before {next}"));
    }
    let mut text = subject;
    if !body.is_empty() {
        text.push_str("\n\n");
        text.push_str(&body.join("\n"));
    }
    trailers::append(&text, &facts(outcome))
}

/// What was measured, and when the window ended.
fn measured(plan: &Plan) -> Option<String> {
    let first = plan.measurements.first()?;
    let readings = plan.measurements.iter().map(Measurement::summary);
    let share = plan.share.as_ref().map(Share::summary);
    let readings: Vec<String> = readings.chain(share).collect();
    let end = plan
        .status
        .as_ref()
        .and_then(|status| status.last_step_time);
    let window = match end {
        Some(end) => format!(", {} to {end}", first.interval),
        None => String::new(),
    };
    Some(format!("{}{window}", readings.join(" · ")))
}

/// The trailers of a step, in the order in which they are written.
fn facts(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let phase = outcome.phase.map(|phase| phase.to_string());
    let weight = outcome.canary_weight.map(|weight| weight.to_string());
    [
        ("Canary", Some(outcome.canary.clone())),
        ("Phase", phase),
        ("Canary-Weight", weight),
        ("Iterations", Some(outcome.iterations.to_string())),
        ("Failed-Checks", Some(outcome.failed_checks.to_string())),
        ("Revision", outcome.revision.clone()),
        ("Comment", outcome.comment.clone()),
        ("Co-authored-by", outcome.co_author.clone()),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}
