//! Whatever is done to a run: the branch holds whole steps, and the rollout goes on.

mod fault;
mod kill;
mod race;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::support::gitops::World;
use crate::support::judge::judge;
use crate::support::program::Call;

/// Minutes of the rollout: bootstrap, release, promotion, and one in which nothing is left to do.
const MINUTES: usize = 10;

/// The minute before whose step a person releases a new image.
const RELEASE: usize = 3;

/// A rollout that nobody disturbs. Commits depend on nothing but repository and time, so every other
/// rollout that ends well has the very same ones.
#[derive(Debug)]
struct Reference {
    /// Tip of the branch before and after each step.
    tips: Vec<[String; 2]>,
    /// How long each step took.
    took: Vec<Duration>,
}

static REFERENCE: LazyLock<Reference> = LazyLock::new(Reference::new);

impl Reference {
    fn new() -> Self {
        let world = World::of("podinfo");
        let mut reference = Self {
            tips: Vec::new(),
            took: Vec::new(),
        };
        for minute in 0..MINUTES {
            begin(&world, minute);
            let (before, began) = (world.tip(), Instant::now());
            let ran = world.step().exits(0);
            reference.took.push(began.elapsed());
            assert_eq!(ran.json()["head"], world.tip());
            reference.tips.push([before, world.tip()]);
        }
        let phases = "Initializing, Initialized 0, Initialized 0, Progressing 0, Progressing 25, \
                      Progressing 50, Promoting 50, Finalising 0, Succeeded 0";
        assert_eq!(steps(&world).join(", "), phases);
        reference
    }
}

/// Lets the minute begin: time passes, and once a person releases.
fn begin(world: &World, minute: usize) {
    world.wait(1);
    if minute == RELEASE {
        world.release("podinfo:6.0.0", "podinfo:6.1.0");
    }
}

/// The steps of the branch, each of which is whole.
#[track_caller]
fn steps(world: &World) -> Vec<String> {
    prove(world);
    let told = judge(&world.remote(), 60).into_iter().map(|step| {
        let weight = step.weight.map(|weight| format!(" {weight}"));
        step.phase + &weight.unwrap_or_default()
    });
    told.collect()
}

/// The program's own proof, over the branch at the remote.
#[track_caller]
fn prove(world: &World) {
    let call = Call::new(&world.remote(), world.path());
    let _ran = call.args(["history", "--check"]).run().exits(0);
}
