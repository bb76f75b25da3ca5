use super::*;

fn said(minute: i64, message: &[(&str, &str)]) -> Said {
    Said {
        time: jiff::Timestamp::from_second(minute * 60).unwrap(),
        trailers: message
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

/// A step of `test/podinfo`.
fn podinfo(minute: i64, phase: &str, weight: &str, revision: &str) -> Said {
    said(
        minute,
        &[
            ("Canary", "test/podinfo"),
            ("Phase", phase),
            ("Canary-Weight", weight),
            ("Failed-Checks", "0"),
            ("Revision", revision),
        ],
    )
}

/// The weights that are found in commits, given newest first.
fn found(commits: &[Said]) -> Vec<i64> {
    let mut collector = Collector::default();
    for commit in commits {
        if let Some((_, revision, point)) = step(commit) {
            collector.take(revision, point);
        }
    }
    let points = collector.points();
    assert!(points.is_sorted_by_key(|point| point.time));
    points.iter().map(|point| point.canary_weight).collect()
}

#[test]
fn a_story_begins_with_the_rollout() {
    let before = podinfo(1, "Succeeded", "0", "a");
    let under_way = [
        podinfo(5, "Progressing", "20", "b"),
        podinfo(4, "Progressing", "10", "b"),
        podinfo(3, "Progressing", "0", "b"),
        before.clone(),
        podinfo(0, "Progressing", "50", "b"),
    ];
    assert_eq!(found(&under_way), [0, 10, 20]);
    let ended = [&[podinfo(6, "Failed", "0", "b")][..], &under_way].concat();
    assert_eq!(found(&ended), [0, 10, 20, 0]);
    // Tried again.
    let again = [&[podinfo(7, "Progressing", "5", "b")][..], &ended].concat();
    assert_eq!(found(&again), [5]);
    // Another revision arrived in the middle.
    let other = [&[podinfo(7, "Progressing", "1", "c")][..], &under_way].concat();
    assert_eq!(found(&other), [1]);
    assert_eq!(found(&[before]), [0]);
}

#[test]
fn what_is_no_step_is_left_out() {
    let odd = [
        said(1, &[("Canary", "test/podinfo")]),
        said(1, &[]),
        podinfo(1, "Nonsense", "20", "a"),
        podinfo(1, "Progressing", "many", "a"),
    ];
    for commit in &odd {
        assert_eq!(
            step(commit).map(|(canary, _, _)| canary),
            None,
            "{commit:?}"
        );
    }
    assert_eq!(found(&odd), [0_i64; 0]);
}
