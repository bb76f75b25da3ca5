//! Many runs at once.

use std::path::PathBuf;

use super::{MINUTES, REFERENCE, Reference, begin, steps};
use crate::support::dice::number;
use crate::support::gitops::World;
use crate::support::program::Ran;
use crate::support::world::git;

#[test]
fn of_many_runs_at_once_one_takes_the_step() {
    let reference = &*REFERENCE;
    for _ in 0..number("WEIRKEEPER_RACES", 1) {
        rollout(reference, number("WEIRKEEPER_RACERS", 8));
    }
}

fn rollout(reference: &Reference, racers: usize) {
    let world = World::of("podinfo");
    let clones: Vec<PathBuf> = (0..racers)
        .map(|number| world.clone(&format!("clone-{number}")))
        .collect();
    for minute in 0..MINUTES {
        begin(&world, minute);
        let [before, after] = &reference.tips[minute];
        assert_eq!(&world.tip(), before);
        let running: Vec<_> = clones
            .iter()
            .map(|clone| world.stepping_in(clone).start())
            .collect();
        let ran: Vec<Ran> = running.into_iter().map(|running| running.end()).collect();
        // The one step, and nothing else: commits depend on repository and time alone.
        assert_eq!(&world.tip(), after);
        let took = ran.iter().filter(|ran| took_a_step(ran, after)).count();
        assert_eq!(took, usize::from(before != after), "minute {minute}");
    }
    let told = steps(&world);
    assert_eq!(told.len(), MINUTES - 1);
    for clone in clones {
        git(&clone, &["fsck", "--strict"]);
        // Whoever lost a race has his checkout brought along with his next step, or by himself.
        git(&clone, &["pull", "-q", "--ff-only"]);
        assert_eq!(git(&clone, &["status", "--porcelain"]), "");
    }
}

/// Losing again and again is allowed, and said; nothing else is.
fn took_a_step(ran: &Ran, tip: &str) -> bool {
    let json = ran.json();
    match ran.code {
        0 => assert_eq!(json["head"], tip, "{ran}"),
        5 => assert_eq!(json["errors"][0]["kind"], "conflict", "{ran}"),
        _ => panic!("{ran}"),
    }
    json["pushed"] == true
}
