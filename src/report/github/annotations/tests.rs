use std::sync::Arc;

use super::*;
use crate::diagnostic::Source;
use crate::report::testing::{outcome, rolled_back};

fn finding(severity: Severity, number: usize) -> Diagnostic {
    let source = Arc::new(Source {
        path: "a,b:c.yaml".into(),
        text: "x\n".repeat(number + 1),
    });
    Diagnostic::new(severity, format!("finding {number}")).at(&source, number * 2..number * 2 + 1)
}

#[test]
fn text_of_others_stays_in_its_command() {
    let mut result = outcome("test/a%0A", Action::Failed);
    result.place = Some("apps/a,b:c.yaml:4:2".into());
    let chain = Error::remote("no\r\n::error::x 100%").because(Error::remote("b"));
    result.error = Some(chain.hint("do\nthis"));
    let mut run = Run::new(vec![result], None);
    run.errors = vec![Error::usage("::set-output name=x::y")];
    insta::assert_snapshot!(annotations(&run), @"
    ::error title=Weirkeeper::::set-output name=x::y
    ::error file=apps/a%2Cb%3Ac.yaml,line=4,col=2,title=Weirkeeper::test/a%250A: no%0D%0A::error::x 100%25: b%0Ahelp: do%0Athis
    ");
}

#[test]
fn what_went_back_is_told_before_what_is_odd() {
    let mut odd = outcome("test/odd", Action::Advanced);
    odd.warnings = vec![finding(Severity::Warning, 0)];
    let mut halted = outcome("test/halted", Action::Halted);
    halted.reasons = vec![
        "check failed: x 1 (max 0)".into(),
        "failed checks 1 of 3".into(),
    ];
    let mut broken = outcome("test/broken", Action::Failed);
    broken.place = Some("canary.yaml:4:2".into());
    broken.error = Some(Error::remote("Prometheus does not answer"));
    let run = Run::new(vec![odd, halted, rolled_back("test/back"), broken], None);
    insta::assert_snapshot!(annotations(&run), @"
    ::error file=canary.yaml,line=4,col=2,title=Weirkeeper::test/broken: Prometheus does not answer
    ::warning title=test/back was rolled back::revision bb1ec46e rolled back: 3 failed checks reached the threshold of 3%0Acheck failed: latency 812 (max 500)
    ::warning title=test/halted is halted::check failed: x 1 (max 0)%0Afailed checks 1 of 3
    ::warning file=a%2Cb%3Ac.yaml,line=1,col=1,title=Weirkeeper::finding 0
    ");
}

#[test]
fn github_shows_ten_of_each() {
    for (count, shown) in [(10, 10), (11, 10), (30, 10)] {
        let all: Vec<Diagnostic> = (0..count)
            .flat_map(|number| {
                [Severity::Warning, Severity::Error].map(|kind| finding(kind, number))
            })
            .collect();
        let text = findings(&all);
        let lines = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!((lines("::error "), lines("::warning ")), (shown, shown));
        let left = if count > shown { count - shown + 1 } else { 0 };
        let more = format!("::error title=Weirkeeper::{left} more errors: ");
        assert_eq!(text.contains(&more), left > 0, "{text}");
        // Each of them is in the log.
        assert_eq!(text.matches("error: finding ").count(), left);
        for number in 0..count {
            assert!(text.contains(&format!("finding {number}\n")), "{text}");
        }
    }
}
