//! What people read of a pull request. Names and messages in it come from documents
//! and from servers: they are data.

use super::marker::{Kind, Marker};
use crate::api::{Phase, Status, Traffic};
use crate::decide::{Plan, ShareVerdict, Verdict};
use crate::report::Outcome;
use crate::report::diagnostics::harmless;
use crate::report::markdown::{Document, Inline, Limit};

/// Longest title, in characters; GitHub takes 256, and a squashed commit adds the
/// number.
const TITLE: usize = 200;

/// What is left for the text beside the marker, of the 65,536 characters GitHub takes.
const MARKER: usize = 16_384;

/// `podinfo.test: canary 20 → 30 %`, and `Rollback: ` before it when it is one.
pub(super) fn title(canary: &str, kind: Kind, plan: &Plan) -> String {
    let name = match canary.split_once('/') {
        Some((namespace, name)) => format!("{name}.{namespace}"),
        None => canary.to_owned(),
    };
    let reason = plan.reasons.first().map_or("", String::as_str);
    let lead = match kind {
        Kind::Rollback => "Rollback: ",
        Kind::Step | Kind::Halt => "",
    };
    let title = harmless(&format!("{lead}{name}: {reason}"));
    match title.chars().nth(TITLE) {
        None => title,
        Some(_) => title.chars().take(TITLE - 1).chain(['…']).collect(),
    }
}

/// What the step does, why, and what merging and closing mean.
pub(super) fn text(
    marker: &Marker,
    plan: &Plan,
    outcome: &Outcome,
    instead: Option<&str>,
) -> String {
    let mut document = Document::default();
    let mut reasons = plan.reasons.iter().map(|reason| Inline::text(reason));
    if let Some(first) = reasons.next() {
        let canary = Inline::code(&marker.canary).and(Inline::ours(": "));
        document.paragraph(canary.and(first.bold()));
    }
    document.list(reasons);
    let before = outcome.before.as_deref();
    let row = |what, before: Option<String>, after: Option<String>| {
        let cell = |text: Option<String>| Inline::text(&text.unwrap_or_else(|| "–".to_owned()));
        vec![Inline::ours(what), cell(before), cell(after)]
    };
    let phase = |phase: Option<Phase>| phase.map(|phase| phase.to_string());
    document.table(
        &["", "now", "once merged"],
        [
            row(
                "Phase",
                phase(before.and_then(|status| status.phase)),
                phase(plan.phase),
            ),
            row(
                "Primary / canary",
                before.and_then(|status| status.routed).map(weights),
                plan.traffic.map(weights),
            ),
            row(
                "Failed checks",
                before.map(|status: &Status| status.failed_checks.to_string()),
                Some(outcome.failed_checks.to_string()),
            ),
        ],
    );
    let checks = plan.measurements.iter().map(|measured| {
        vec![
            Inline::text(&measured.summary()),
            Inline::ours(verdict(measured.verdict)),
        ]
    });
    let share = plan.share.iter().map(|share| {
        vec![
            Inline::text(&share.summary()),
            Inline::ours(match share.verdict {
                ShareVerdict::Fits => "pass",
                ShareVerdict::Off => "**weight not in effect**",
                ShareVerdict::Few => "too few requests",
            }),
        ]
    });
    document.table(&["Check", "Verdict"], checks.chain(share));
    if let Some(instead) = instead {
        let was = Inline::ours("It takes the place of: ").and(Inline::text(instead));
        document.paragraph(was);
    }
    document.paragraph(
        Inline::ours("Merging takes this step, and time counts from then. Closing refuses it; ")
            .and(Inline::code(&retry(&marker.canary)))
            .and(Inline::ours(
                " lifts that. The branch belongs to Weirkeeper: commits of others on it stop the rollout.",
            ))
            .small(),
    );
    let limit = match Limit::COMMENT {
        Limit::Characters(most) => Limit::Characters(most - MARKER),
        Limit::Bytes(_) => Limit::COMMENT,
    };
    document.to_text(limit, &Inline::ours("The rest was cut."))
}

/// What takes back that a pull request was closed.
pub(super) fn retry(canary: &str) -> String {
    format!("weirkeeper retry {canary} --commit-via pull-request")
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "**fail**",
        Verdict::NoData => "no data",
        Verdict::Error => "**error**",
    }
}

fn weights(traffic: Traffic) -> String {
    let mirrored = if traffic.mirrored { ", mirrored" } else { "" };
    format!("{} / {}{mirrored}", traffic.primary, traffic.canary)
}
