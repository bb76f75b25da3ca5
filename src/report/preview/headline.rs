//! What a change does to one Canary, in one line.

use jiff::Timestamp;

use super::{Change, Difference, Previewed};
use crate::api::Strategy;
use crate::diagnostic::{Diagnostic, Severity};
use crate::error::Error;

/// Longest version in a headline, in characters.
const VERSION: usize = 40;

/// `6.0.0 → 6.0.1: 9 steps, earliest end 12:40, at most 50 % of traffic`.
#[must_use]
pub fn headline(previewed: &Previewed, now: Timestamp) -> String {
    if let Some(error) = &previewed.error {
        return broken(error);
    }
    let what = match previewed.change {
        Change::Deleted => return deleted(previewed, "is deleted"),
        Change::Hidden => return deleted(previewed, "is hidden: its file is no longer read"),
        Change::New => "new".to_owned(),
        Change::Touched => match version(previewed) {
            Some(version) => version,
            None if previewed.of_next_release => {
                return match previewed.same_schedule {
                    true => "settings change, not what the next release takes".to_owned(),
                    false => format!(
                        "settings change; the next release: {}",
                        ahead(previewed, now)
                    ),
                };
            }
            None if previewed.same_schedule => {
                return match previewed.schedule.is_empty() {
                    true => "nothing changes for its rollout".to_owned(),
                    false => format!("the steps ahead stay the same: {}", ahead(previewed, now)),
                };
            }
            None if previewed.fields.is_empty() => "files change".to_owned(),
            None => "settings change".to_owned(),
        },
    };
    format!("{what}: {}", ahead(previewed, now))
}

/// What is wrong first, and how much there is.
fn broken(error: &Error) -> String {
    let is_error = |one: &&Diagnostic| one.severity == Severity::Error;
    let mut errors = error.diagnostics().iter().filter(is_error);
    let Some(first) = errors.next() else {
        return format!("cannot be carried out: {}", error.chain());
    };
    let field = first.field.as_ref().map(|field| format!("{field} "));
    let more = match errors.count() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let message = &first.message;
    format!(
        "cannot be carried out: {}{message}{more}",
        field.unwrap_or_default()
    )
}

fn deleted(previewed: &Previewed, what: &str) -> String {
    match &previewed.rests {
        Some(why) => format!("{what}: {why}"),
        None => what.to_owned(),
    }
}

/// What is released, before and after.
fn version(previewed: &Previewed) -> Option<String> {
    let shown = |text: &Option<String>| match text {
        Some(text) => cut(tag(text)),
        None => "nothing".to_owned(),
    };
    match previewed.versions.as_slice() {
        [] => {
            let Difference { after, .. } = previewed.revision.as_ref()?;
            Some(format!("new revision {}", cut(after.as_deref()?)))
        }
        [one] => Some(format!("{} → {}", shown(&one.before), shown(&one.after))),
        [one, rest @ ..] => Some(format!(
            "{} → {} and {} more",
            shown(&one.before),
            shown(&one.after),
            rest.len()
        )),
    }
}

/// Tag or digest of an image; any other value as it is.
fn tag(image: &str) -> &str {
    let name = image.rsplit('/').next().unwrap_or(image);
    match name.split_once('@').or_else(|| name.split_once(':')) {
        Some((_, tag)) if !tag.is_empty() => tag,
        Some(_) | None => image,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(VERSION) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// `9 steps, earliest end 12:40, at most 50 % of traffic`.
fn ahead(previewed: &Previewed, now: Timestamp) -> String {
    let steps = match (previewed.schedule.len(), &previewed.rests) {
        (0, Some(why)) => return why.clone(),
        (0, None) => return "nothing follows".to_owned(),
        (1, _) => "1 step".to_owned(),
        (count, _) => format!("{count} steps"),
    };
    let end = previewed
        .ends_at
        .map(|end| format!(", earliest end {}", clock(end, now)));
    let share = match (previewed.largest_share, previewed.strategy) {
        (None | Some(0), _) => match previewed.schedule.iter().any(mirrors) {
            true => ", requests are mirrored".to_owned(),
            false => String::new(),
        },
        (Some(_), Some(Strategy::AbTesting)) => ", the requests that match".to_owned(),
        (Some(share), _) => format!(", at most {share} % of traffic"),
    };
    format!("{steps}{}{share}", end.unwrap_or_default())
}

fn mirrors(step: &crate::decide::Milestone) -> bool {
    step.traffic.is_some_and(|traffic| traffic.mirrored)
}

/// Hours and minutes in UTC, with the day unless it is that of `now`.
pub(super) fn clock(at: Timestamp, now: Timestamp) -> String {
    let text = at.to_string();
    let today = now.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) if today.starts_with(day) => format!("{time} UTC"),
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}
