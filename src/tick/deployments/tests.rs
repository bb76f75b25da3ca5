use super::*;
use DeploymentState::{Failure, InProgress, Inactive, Queued, Success};

fn status(applied: &str, promoted: &str, failed: Option<&str>) -> Status {
    Status {
        last_applied_spec: applied.to_owned(),
        last_promoted_spec: promoted.to_owned(),
        failed_spec: failed.map(str::to_owned),
        ..Status::default()
    }
}

#[test]
fn the_revision_is_the_one_of_the_run() {
    for (phase, status, expected) in [
        (Phase::Initializing, status("", "", None), Some("t")),
        (Phase::Waiting, status("a", "a", None), Some("t")),
        (Phase::Progressing, status("b", "a", None), Some("b")),
        (Phase::Succeeded, status("b", "b", None), Some("b")),
        (Phase::Failed, status("b", "a", None), Some("b")),
        (Phase::Failed, status("a", "a", Some("b")), Some("b")),
        // A retry took the failure back: nothing is known of the next run yet.
        (Phase::Failed, status("a", "a", None), None),
    ] {
        let found = revision(phase, Some(&status), "t");
        assert_eq!(found.as_deref(), expected, "{phase} {status:?}");
    }
    assert_eq!(revision(Phase::Progressing, None, ""), None);
}

#[test]
fn others_end_when_ours_takes_their_place() {
    for (now, ours, is_promoted, expected) in [
        (None, Success, false, None),
        (Some(Success), Success, false, Some(Inactive)),
        (Some(InProgress), Success, false, Some(Inactive)),
        (Some(Failure), Success, false, None),
        (Some(Inactive), Success, true, None),
        (Some(Success), InProgress, true, None),
        (Some(Success), InProgress, false, None),
        (Some(InProgress), InProgress, false, Some(Inactive)),
        (Some(Queued), Queued, false, Some(Inactive)),
        (Some(Inactive), InProgress, false, None),
        (Some(Success), Failure, true, None),
        (Some(Inactive), Failure, true, Some(Success)),
        (Some(Success), Inactive, true, Some(Inactive)),
    ] {
        let found = other(now, ours, is_promoted);
        assert_eq!(found, expected, "{now:?} {ours:?} {is_promoted}");
    }
}
