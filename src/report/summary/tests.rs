use super::*;
use crate::api::Phase;
use crate::decide::{Reading, Share, Verdict};
use crate::diagnostic::Diagnostic;
use crate::report::Point;
use crate::report::testing::{advanced, measured, now, outcome, rolled_back};

fn shown(run: &Run) -> String {
    summary(run, now())
}

fn idle_one(canary: &str) -> Outcome {
    let mut idle = outcome(canary, Action::Idle);
    idle.phase = Some(Phase::Succeeded);
    idle.canary_weight = Some(0);
    idle
}

fn past() -> Vec<Point> {
    let point = |minute: usize, canary_weight| Point {
        time: format!("2026-01-01T00:0{minute}:00Z").parse().unwrap(),
        phase: Phase::Progressing,
        canary_weight,
    };
    (0..5)
        .map(|minute| point(minute, 10 * i64::try_from(minute).unwrap()))
        .collect()
}

#[test]
fn one_canary_that_goes_on() {
    let mut result = advanced("test/podinfo");
    (result.late, result.missed_checks, result.missed_failed) = (Some(720), 12, 1);
    result.past = past();
    let mut run = Run::new(vec![result], None);
    run.commits_at = "https://github.com/me/fleet/commit/".parse().ok();
    let text = shown(&run);
    let values = text
        .lines()
        .find_map(|line| line.strip_prefix("  line ["))
        .unwrap();
    assert_eq!(values.split(", ").count(), 101);
    insta::assert_snapshot!(text.replace(values, "…]"));
}

#[test]
fn the_observed_share_is_a_check() {
    let row = |canary, primary| {
        let mut result = advanced("test/podinfo");
        result.share = Share::of(0.25, canary, primary);
        let run = Run::new(vec![result], None);
        let text = shown(&run);
        let row = text.lines().find(|line| line.contains("canary share"));
        let told = crate::report::text::run(&run);
        let told = told.lines().find(|line| line.contains("canary share"));
        format!("{}\n{}", row.unwrap(), told.unwrap())
    };
    insta::assert_snapshot!(row(240.0, 760.0), @"
    | canary share | 24 % | 15.71 to 35.71 % for 25 % | ✅ pass | 1000 requests of both |
      pass: canary share 24 % of 1000 requests (weight 25 %)
    ");
    insta::assert_snapshot!(row(1.0, 999.0), @"
    | canary share | 0.1 % | 15.71 to 35.71 % for 25 % | ⚠️ weight not in effect | 1000 requests of both |
      OFF: canary share 0.1 % of 1000 requests (weight 25 %)
    ");
    insta::assert_snapshot!(row(0.0, 12.5), @"
    | canary share | 0 % | 0 to 87.44 % for 25 % | too few requests to say | 13 requests of both |
      FEW REQUESTS: canary share 0 % of 13 requests (weight 25 %)
    ");
}

#[test]
fn what_went_wrong_comes_first() {
    let mut broken = outcome("shop/cart", Action::Failed);
    let error = Error::remote("cannot ask Prometheus").because(Error::remote("timed out"));
    broken.reasons = vec![error.chain()];
    broken.error = Some(error.hint("is it up?"));
    let mut odd = advanced("shop/web");
    odd.warnings = vec![Diagnostic::warning("unknown field, ignored").hint("did you mean `x`?")];
    odd.metrics = Vec::new();
    let results = vec![
        idle_one("shop/a"),
        odd,
        idle_one("shop/b"),
        rolled_back("test/podinfo"),
        broken,
    ];
    let mut run = Run::new(results, None);
    run.errors = vec![Error::remote("the push was refused").hint("use --commit-via api")];
    run.notes = vec!["the checkout was left as it is: dirty".into()];
    insta::assert_snapshot!(shown(&run));
}

#[test]
fn a_run_in_which_nothing_was_due_is_one_line() {
    let line = |results: Vec<Outcome>| {
        let text = shown(&Run::new(results, None));
        text.lines().next().unwrap().to_owned()
    };
    let waiting = || {
        let mut waiting = advanced("test/podinfo");
        (waiting.action, waiting.commit) = (Action::NotDue, None);
        waiting
    };
    assert_eq!(line(Vec::new()), "<b>Weirkeeper: </b>nothing to do.");
    assert_eq!(
        line(vec![idle_one("a/b")]),
        "<b>Weirkeeper: </b>nothing to do, 1 Canary is idle."
    );
    insta::assert_snapshot!(line(vec![waiting(), idle_one("a/b"), idle_one("a/c")]), @"<b>Weirkeeper: </b>nothing was due, 1 rollout is under way, 2 Canaries are idle; the next step is due at 2026-01-01 00:06:00 UTC.");
    insta::assert_snapshot!(shown(&Run::new(vec![waiting()], None)), @"
    <b>Weirkeeper: </b>nothing was due, 1 rollout is under way; the next step is due at 2026-01-01 00:06:00 UTC.

    <details><summary>1 Canary with nothing to do</summary>

    | Canary | Phase | Canary weight | Next step |
    |---|---|---|---|
    | test/podinfo | Progressing | 30 % | 2026-01-01 00:06:00 UTC |

    </details>

    <sub>2026-01-01 00:05:00 UTC</sub>
    ");
}

#[test]
fn text_of_others_is_data() {
    let hostile = "a|b`\n## x</details>```mermaid @octocat #1 <b>[y](http://z)";
    let mut result = rolled_back(hostile);
    result.reasons = vec![hostile.into(), hostile.into()];
    result.metrics = vec![measured(
        hostile,
        Reading::Several(vec![hostile.into()]),
        Verdict::Error,
    )];
    result.metrics[0].query = format!("{hostile}\n```\n</details>");
    result.past = past();
    let mut run = Run::new(vec![result, advanced("a/b")], None);
    run.errors = vec![Error::remote(hostile).hint(hostile)];
    run.notes = vec![hostile.into()];
    let text = shown(&run);
    let mut outside = String::new();
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let marks = &line[..line.len() - line.trim_start_matches('`').len()];
        match fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if marks.len() >= 3 => fence = Some(marks),
            None => outside.push_str(&format!("{line}\n")),
        }
    }
    assert_eq!(fence, None);
    for sign in [
        "@octocat",
        "#1 ",
        "](http:",
        "\n## x",
        "</details>`",
        "<b>[",
    ] {
        assert!(!outside.contains(sign), "{sign}: {outside}");
    }
    let headings: Vec<&str> = outside
        .lines()
        .filter(|line| line.starts_with('#'))
        .collect();
    assert_eq!(headings.len(), 3, "{headings:?}");
    assert_eq!(
        outside.matches("<details>").count(),
        outside.matches("</details>").count()
    );
    assert_eq!(
        text.matches("```mermaid").count(),
        2,
        "one of ours, one inside of a query"
    );
}

#[test]
fn a_summary_fits_and_says_what_is_missing() {
    let mut results = vec![rolled_back("test/first")];
    results.extend((0..2000).map(|number| {
        let mut result = advanced(&format!("test/app-{number}"));
        result.past = past();
        result
    }));
    let text = shown(&Run::new(results, None));
    assert!(
        text.len() <= 1024 * 1024 && text.len() > 1000 * 1000,
        "{}",
        text.len()
    );
    assert!(
        text.ends_with(
            "\n\nThe rest was cut: GitHub shows no summary that is longer than 1 MiB.\n"
        )
    );
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
    assert_eq!(
        text.lines().filter(|line| line.starts_with("```")).count() % 2,
        0
    );
    assert_eq!(text.matches("```mermaid").count(), CHARTS);
}

#[test]
fn what_happened_before_an_idle_end_is_shown() {
    let mut end = idle_one("test/podinfo");
    end.past = past();
    let mut run = Run::new(vec![end, idle_one("shop/a")], None);
    run.earlier = vec![advanced("test/podinfo"), rolled_back("test/podinfo")];
    let text = shown(&run);
    for part in [
        "test/podinfo was rolled back",
        "latency 812",
        "| Check |",
        "```mermaid",
        "2 Canaries with nothing to do",
    ] {
        assert!(text.contains(part), "no {part}: {text}");
    }
    assert_eq!(text.matches("was rolled back").count(), 1, "{text}");
    // A new attempt does not hide it.
    let mut run = Run::new(vec![advanced("test/podinfo")], None);
    run.earlier = vec![rolled_back("test/podinfo")];
    let text = shown(&run);
    assert_eq!(text.matches("was rolled back").count(), 1, "{text}");
    assert!(text.contains("20 → 30"), "{text}");
}
