//! The part of a summary that is about one Canary.

use jiff::SignedDuration;
use url::Url;

use super::{advice, alarm, commit, mark, nothing, phase, places, time, weight};
use crate::decide::{Measurement, Share, ShareVerdict, Verdict};
use crate::report::Outcome;
use crate::report::markdown::{Document, Inline};

/// What happened to one Canary, and why.
pub(super) fn section(document: &mut Document, result: &Outcome, commits: Option<&Url>) {
    let title = Inline::ours(mark(result)).and(Inline::ours(" "));
    document.heading(3, title.and(Inline::text(&result.canary)));
    document.paragraph(facts(result, commits));
    document.list(why(result));
    document.table(
        &["Check", "Value", "Bounds", "Verdict", "Samples"],
        result
            .metrics
            .iter()
            .map(check)
            .chain(result.share.as_ref().map(share)),
    );
    let warnings = result.metrics.iter().flat_map(|metric| {
        let warnings = metric.warnings.iter();
        warnings.map(|warning| Inline::text(&format!("{}: {warning}", metric.name)))
    });
    document.list(warnings);
}

/// The state afterwards, in a line.
fn facts(result: &Outcome, commits: Option<&Url>) -> Inline {
    let iterations = format!("iteration {}", result.iterations);
    let facts = [
        result.phase.map(|_| phase(result).bold()),
        result
            .canary_weight
            .map(|_| Inline::ours("canary ").and(weight(result))),
        (result.iterations > 0).then(|| Inline::text(&iterations)),
        result
            .revision
            .as_deref()
            .map(|revision| Inline::ours("revision ").and(Inline::code(revision))),
        commit(result, commits).map(|commit| Inline::ours("commit ").and(commit)),
    ];
    Inline::join(facts.into_iter().flatten(), " · ")
}

/// Why the step was what it was; then what comes next.
fn why(result: &Outcome) -> Vec<Inline> {
    // The alarm at the top has the first reason of these.
    let told = usize::from(alarm(result).is_some());
    let mut why: Vec<Inline> = Vec::new();
    why.extend(
        result
            .reasons
            .iter()
            .skip(told)
            .map(|reason| Inline::text(reason)),
    );
    for error in result.errors() {
        let chain = error.chain();
        if !result.reasons.contains(&chain) {
            why.push(Inline::ours("Error: ").bold().and(Inline::text(&chain)));
        }
        why.extend(places(error).chain(advice(error)));
    }
    if !result
        .reasons
        .iter()
        .any(|reason| reason.contains(" late: "))
    {
        why.extend(missed(result).map(|text| Inline::text(&text)));
    }
    why.extend(proposal(result));
    if let Some(next) = result.next_step_at {
        why.push(Inline::ours("next step not before ").and(time(next)));
    }
    why
}

/// The pull request that has to be merged before anything of it happens.
fn proposal(result: &Outcome) -> Option<Inline> {
    let pull = result.pull_request.as_ref()?;
    let name = Inline::text(&format!("pull request {}", pull.number));
    let name = match Url::parse(&pull.url) {
        Ok(url) => name.link(&url),
        Err(_) => name,
    };
    Some(match result.is_proposed() {
        true => name.and(Inline::ours(
            " proposes this: nothing happens before it is merged",
        )),
        false => name.and(Inline::ours(" waits to be merged")),
    })
}

/// What a late run made up for.
fn missed(result: &Outcome) -> Option<String> {
    let late = SignedDuration::from_secs(result.late?);
    let failed = match result.missed_failed {
        0 => "none of them failed".to_owned(),
        failed => format!("{failed} of them failed"),
    };
    Some(match result.missed_checks {
        0 => format!("this run came {late:#} late"),
        1 if result.missed_failed == 0 => {
            format!("this run came {late:#} late: 1 missed check was made up for and passed")
        }
        1 => format!("this run came {late:#} late: 1 missed check was made up for and failed"),
        missed => {
            format!(
                "this run came {late:#} late: {missed} missed checks were made up for, {failed}"
            )
        }
    })
}

/// A row of the table of checks.
fn check(metric: &Measurement) -> Vec<Inline> {
    let samples = metric.requests.map(|requests| {
        let seen = requests.seen.round();
        format!("{seen} requests (min {})", requests.needed)
    });
    vec![
        Inline::text(&metric.name),
        Inline::text(&metric.value()),
        bounds(metric),
        verdict(metric),
        samples.map_or_else(nothing, |samples| Inline::text(&samples)),
    ]
}

/// The row of the observed share.
fn share(share: &Share) -> Vec<Inline> {
    let percent = |percent: f64| (percent * 100.0).round() / 100.0;
    let (low, high) = (percent(share.low), percent(share.high));
    let requests = format!("{} requests of both", share.requests().round());
    vec![
        Inline::ours("canary share"),
        Inline::text(&format!("{} %", percent(share.measured))),
        Inline::text(&format!(
            "{low} to {high} % for {} %",
            percent(share.expected)
        )),
        match share.verdict {
            ShareVerdict::Fits => Inline::ours("✅ pass"),
            ShareVerdict::Off => Inline::ours("⚠️ weight not in effect"),
            ShareVerdict::Few => Inline::ours("too few requests to say"),
        },
        Inline::text(&requests),
    ]
}

fn bounds(metric: &Measurement) -> Inline {
    match (metric.bounds.min, metric.bounds.max) {
        (Some(min), Some(max)) => Inline::text(&format!("{min} to {max}")),
        (Some(min), None) => Inline::text(&format!("≥ {min}")),
        (None, Some(max)) => Inline::text(&format!("≤ {max}")),
        (None, None) => nothing(),
    }
}

fn verdict(metric: &Measurement) -> Inline {
    match metric.verdict {
        Verdict::Pass => Inline::ours("✅ pass"),
        Verdict::Fail => Inline::ours("❌ ").and(Inline::ours("fail").bold()),
        Verdict::Error => Inline::ours("❌ ").and(Inline::ours("error").bold()),
        Verdict::NoData if metric.fails() => Inline::ours("❌ no data, counts as failed"),
        Verdict::NoData if metric.holds() => Inline::ours("⏸️ no data, holds"),
        Verdict::NoData => Inline::ours("no data, counts as passed"),
    }
}

/// The queries as they were sent, for those who want to ask themselves.
pub(super) fn queries(document: &mut Document, result: &Outcome) {
    let mut inside = Document::default();
    for metric in result
        .metrics
        .iter()
        .filter(|metric| !metric.query.trim().is_empty())
    {
        inside.paragraph(Inline::text(&metric.name));
        inside.fence("promql", metric.query.trim());
    }
    document.fold(Inline::ours("Queries"), inside);
}
