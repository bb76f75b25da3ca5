use std::collections::VecDeque;

use jiff::SignedDuration;

use super::*;
use crate::api::Phase;
use crate::decide::{Action, Plan};

const BEGAN: &str = "2026-01-01T00:00:00Z";

fn time(seconds: i64) -> Timestamp {
    let began: Timestamp = BEGAN.parse().unwrap();
    began + SignedDuration::from_secs(seconds)
}

/// A result of a Canary whose next step is due then.
fn result(action: Action, phase: Phase, next: Option<i64>) -> Outcome {
    let plan = Plan {
        phase: Some(phase),
        next_step_at: next.map(time),
        ..Plan::bare(action)
    };
    Outcome::decided("test/a".to_owned(), "r", None, &plan)
}

fn run(action: Action, phase: Phase, next: Option<i64>) -> Result<Run> {
    Ok(Run::new(vec![result(action, phase, next)], None))
}

fn away() -> Result<Run> {
    Err(Error::remote("the remote is away"))
}

/// Seconds at which there was a tick, why it ended, and the exit code.
async fn watch(runs: impl IntoIterator<Item = Result<Run>>, seconds: u64) -> (Vec<i64>, Ended, u8) {
    let mut runs: VecDeque<_> = runs.into_iter().collect();
    let mut times = Vec::new();
    let (_sender, mut stop) = Stop::by_hand();
    let mut watched = Watched::default();
    let mut clock = Clock::new(time(0), true);
    let ended = cycles(
        async |at| {
            times.push(at.duration_since(time(0)).as_secs());
            match runs.len() {
                // The last one goes on.
                1 => match &runs[0] {
                    Ok(known) => {
                        let last = &known.results[0];
                        run(last.action, last.phase.unwrap(), None)
                    }
                    Err(error) => Err(error.again()),
                },
                _ => runs.pop_front().unwrap(),
            }
        },
        tell,
        &mut watched,
        &mut clock,
        &mut stop,
        Limits {
            length: Duration::from_secs(seconds),
            once: false,
        },
    );
    let ended = ended.await.unwrap();
    (times, ended, watched.run.exit_code())
}

fn tell(watched: &mut Watched, run: Result<Run>, at: Timestamp) -> Result<()> {
    let run = run.unwrap_or_else(Run::failed);
    let news = watched.news(&run);
    watched.add(run, &news, at).map(drop)
}

#[tokio::test]
async fn a_tick_comes_when_the_next_step_is_due() {
    let runs = [
        run(Action::Advanced, Phase::Progressing, Some(60)),
        run(Action::Advanced, Phase::Progressing, Some(62)),
        run(Action::Advanced, Phase::Progressing, Some(10_000)),
        // Nobody knows when the gate opens.
        run(Action::Held, Phase::Progressing, Some(0)),
        run(Action::Succeeded, Phase::Succeeded, None),
    ];
    let (times, ended, code) = watch(runs, 3000).await;
    assert_eq!(times, [0, 60, 65, 365, 395]);
    assert_eq!((ended, code), (Ended::NothingActive, 0));
}

#[tokio::test]
async fn what_is_deferred_is_waited_for() {
    let runs = [
        run(Action::RolledBack, Phase::Failed, Some(60)),
        run(Action::Idle, Phase::Failed, None),
    ];
    let (times, ended, _) = watch(runs, 3000).await;
    assert_eq!((times, ended), (vec![0, 60], Ended::NothingActive));
}

#[tokio::test]
async fn no_tick_begins_after_the_end() {
    let runs = [run(Action::Held, Phase::Progressing, None)];
    let (times, ended, _) = watch(runs, 70).await;
    assert_eq!((times, ended), (vec![0, 30, 60], Ended::TimeUsed));
}

#[tokio::test]
async fn a_remote_that_is_away_is_asked_less_and_less() {
    let mut runs: Vec<_> = (0..8).map(|_| away()).collect();
    runs.push(run(Action::Idle, Phase::Succeeded, None));
    let (times, ended, code) = watch(runs, 3000).await;
    assert_eq!(times, [0, 5, 15, 35, 75, 155, 315, 615, 915]);
    // It came back: what is over is no error of the watch.
    assert_eq!((ended, code), (Ended::NothingActive, 0));
    let (_, ended, code) = watch([away()], 100).await;
    assert_eq!((ended, code), (Ended::TimeUsed, 4));
}

#[tokio::test]
async fn a_canary_that_fails_is_tried_again() {
    let failed = || {
        let error = Error::remote("no answer");
        let mut outcome = Outcome::failed("test/a".to_owned(), None, error);
        outcome.phase = Some(Phase::Progressing);
        Ok(Run::new(vec![outcome], None))
    };
    let runs = [
        failed(),
        failed(),
        run(Action::Succeeded, Phase::Succeeded, None),
    ];
    let (times, ended, code) = watch(runs, 3000).await;
    assert_eq!(
        (times, ended, code),
        (vec![0, 5, 15], Ended::NothingActive, 0)
    );
}

#[tokio::test]
async fn a_wrong_command_line_ends_it() {
    let (times, ended, code) = watch([Err(Error::usage("no such Canary"))], 3000).await;
    assert_eq!((times, ended, code), (vec![0], Ended::Error, 2));
}

#[tokio::test]
async fn a_signal_ends_it_after_the_tick_under_way() {
    for during_the_tick in [true, false] {
        let (sender, mut stop) = Stop::by_hand();
        let mut ticks = 0;
        let mut watched = Watched::default();
        let mut clock = Clock::new(time(0), false);
        // Comes while it sleeps.
        let later = async {
            sender.send_replace(Some(Signal::Terminate));
        };
        let ended = cycles(
            async |_| {
                ticks += 1;
                if during_the_tick {
                    sender.send_replace(Some(Signal::Terminate));
                }
                run(Action::Held, Phase::Progressing, None)
            },
            tell,
            &mut watched,
            &mut clock,
            &mut stop,
            Limits {
                length: Duration::from_hours(1),
                once: false,
            },
        );
        let (ended, ()) = tokio::join!(ended, later);
        assert_eq!(ended.unwrap(), Ended::Terminated);
        assert_eq!((ticks, watched.ticks), (1, 1));
    }
}

#[tokio::test]
async fn what_only_a_person_can_move_is_looked_at_seldom() {
    let held = |canary_weight| {
        let mut held = result(Action::Held, Phase::Progressing, Some(0));
        (held.needs_person, held.canary_weight) = (true, Some(canary_weight));
        held
    };
    assert!(!held(0).is_pending() && held(0).is_open());
    // Its checks go on, and may take the traffic back.
    assert!(held(10).is_pending());
    let mut failed = held(0);
    failed.failures.push(Error::remote("nobody answers"));
    assert!(failed.is_pending());
    let mut suspended = held(10);
    suspended.action = Action::Suspended;
    assert!(!suspended.is_pending() && suspended.is_open());
    let runs = [
        Ok(Run::new(vec![held(0)], None)),
        Ok(Run::new(vec![held(10)], None)),
        run(Action::Succeeded, Phase::Succeeded, None),
    ];
    let (times, ended, _) = watch(runs, 3000).await;
    assert_eq!((times, ended), (vec![0, 300, 330], Ended::NothingActive));
}
