//! A run that is killed at any moment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{MINUTES, REFERENCE, Reference, begin, steps};
use crate::support::dice::{Dice, number};
use crate::support::gitops::World;
use crate::support::world::git;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Victims {
    /// The program, every `git` and what they started, also the far end of a push to a folder: the
    /// machine is gone.
    Everybody,
    /// The program alone; a `git` that is under way goes on.
    Program,
}

#[test]
fn a_killed_run_leaves_whole_steps_and_the_next_one_goes_on() {
    let reference = &*REFERENCE;
    let wanted = number("WEIRKEEPER_KILLS", 12);
    let mut dice = Dice::new(number("WEIRKEEPER_SEED", 4).try_into().unwrap());
    let mut book = Book::default();
    while book.kills < wanted {
        rollout(reference, &mut dice, wanted, &mut book);
    }
    println!("{book:#?}");
}

/// What there was.
#[derive(Debug, Default)]
struct Book {
    rollouts: usize,
    kills: usize,
    /// Kills after which the step was already in the branch.
    after_the_push: usize,
    /// Runs that were over before the kill.
    too_late: usize,
    /// Kills that began while a lock was there.
    locked: usize,
    /// Locks left behind, by place and name.
    locks: BTreeMap<String, usize>,
}

fn rollout(reference: &Reference, dice: &mut Dice, wanted: usize, book: &mut Book) {
    let world = World::of("podinfo");
    book.rollouts += 1;
    for minute in 0..MINUTES {
        begin(&world, minute);
        let [before, after] = &reference.tips[minute];
        assert_eq!(&world.tip(), before);
        let times = 1 + dice.below(2);
        for _ in 0..times {
            if book.kills < wanted {
                kill_one(&world, reference.took[minute], dice, book);
            }
            let tip = world.tip();
            assert!([before, after].contains(&&tip), "{tip}\n{reference:#?}");
            book.after_the_push += usize::from(&tip == after && before != after);
            steps(&world);
        }
        let folder = match dice.coin() {
            true => world.clone(&format!("fresh-{minute}")),
            false => world.checkout(),
        };
        let ran = world.stepping_in(&folder).run().exits(0);
        assert_eq!(&world.tip(), after, "{ran}");
    }
    git(&world.remote(), &["fsck", "--strict"]);
    git(&world.checkout(), &["fsck", "--strict"]);
}

/// When it happens.
#[derive(Debug, Clone)]
enum Moment {
    /// This long after the start.
    After(Duration),
    /// When this lock appears, or when it has been waited long enough: then something is half written.
    Locked(PathBuf, Duration),
}

impl Moment {
    fn by(dice: &mut Dice, world: &World, took: Duration) -> Self {
        if dice.below(3) > 0 {
            return Self::After(dice.part_of(took));
        }
        let lock = ["index.lock", "refs/heads/main.lock", FETCHED][dice.below(3)];
        Self::Locked(world.checkout().join(".git").join(lock), took)
    }

    /// Says whether there was a lock.
    fn wait(&self) -> bool {
        match self {
            Self::After(time) => {
                sleep(*time);
                false
            }
            Self::Locked(path, time) => {
                let end = Instant::now() + *time;
                while !path.exists() && Instant::now() < end {}
                path.exists()
            }
        }
    }
}

/// Where the fetched tip is kept, locked.
const FETCHED: &str = "refs/weirkeeper/main.lock";

fn kill_one(world: &World, took: Duration, dice: &mut Dice, book: &mut Book) {
    let victims = match dice.below(3) {
        0 => Victims::Program,
        _ => Victims::Everybody,
    };
    let moment = Moment::by(dice, world, took);
    let running = world.stepping().under(["setsid"]).start();
    let session = running.id();
    let locked = moment.wait();
    match victims {
        Victims::Everybody => kill_session(session),
        Victims::Program => kill(session),
    }
    match running.outcome() {
        None => {
            book.kills += 1;
            book.locked += usize::from(locked);
        }
        Some(ran) => {
            assert_eq!(ran.code, 0, "{ran}");
            book.too_late += 1;
        }
    }
    // Else the next run begins while a `git` of this one is still at work.
    if victims == Victims::Everybody || dice.coin() {
        all_gone(session);
        for lock in locks(world.path()) {
            tidy(world, &lock);
            *book.locks.entry(lock).or_default() += 1;
        }
    }
}

fn all_gone(session: i32) {
    let end = Instant::now() + Duration::from_secs(20);
    while !members(session).is_empty() {
        assert!(Instant::now() < end, "somebody is left: {session}");
        sleep(Duration::from_millis(2));
    }
}

/// A lock that is left of a dead `git` stays, as Git itself cannot know that it is dead. Those that are
/// in the way of a step are named by the run that meets them, and removed by a person.
fn tidy(world: &World, lock: &str) {
    if lock.ends_with(FETCHED) {
        let ran = world.step().exits(4);
        assert!(ran.stderr.contains(lock), "{ran}");
        fs_err::remove_file(world.path().join(lock)).unwrap();
    } else if lock.starts_with("remote.git") {
        // Of the far end of a push, which dies with us only when the remote is a folder.
        fs_err::remove_file(world.path().join(lock)).unwrap();
    }
}

/// Stops all first, so that none sees another one die; the youngest before those that wait for them.
fn kill_session(session: i32) {
    stop_tree(session);
    loop {
        let before = members(session);
        for id in &before {
            signal(*id, Signal::STOP);
        }
        if members(session) == before {
            break;
        }
    }
    for id in members(session) {
        kill(id);
    }
}

/// Quicker than a look at every process of the machine.
fn stop_tree(id: i32) {
    let tasks = fs_err::read_dir(format!("/proc/{id}/task"));
    for task in tasks.into_iter().flatten().flatten() {
        let children = fs_err::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace() {
            stop_tree(child.parse().unwrap());
        }
    }
    signal(id, Signal::STOP);
}

fn kill(id: i32) {
    signal(id, Signal::KILL);
}

fn signal(id: i32, signal: Signal) {
    // It may be gone already.
    kill_process(Pid::from_raw(id).unwrap(), signal).ok();
}

/// The processes of a session that have not ended.
fn members(session: i32) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        let id = path.file_name().unwrap().to_str().unwrap().parse::<i32>();
        let (Ok(id), Ok(stat)) = (id, fs_err::read_to_string(path.join("stat"))) else {
            continue;
        };
        // After the name, which may hold anything: state, parent, group, session.
        let (_, rest) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        if fields[3] == session.to_string() && fields[0] != "Z" {
            found.push(id);
        }
    }
    found.sort_unstable();
    found
}

/// Files that would keep a `git` from writing.
fn locks(folder: &Path) -> Vec<String> {
    let walk = ignore::WalkBuilder::new(folder)
        .standard_filters(false)
        .build();
    let paths = walk.map(|entry| entry.unwrap().into_path());
    let lock = |path: &PathBuf| path.extension().is_some_and(|end| end == "lock");
    let shown = |path: PathBuf| path.strip_prefix(folder).unwrap().display().to_string();
    paths.filter(lock).map(shown).collect()
}

#[test]
fn locks_of_the_checkout_keep_no_step_from_being_taken() {
    for lock in [
        "index.lock",
        "HEAD.lock",
        "refs/heads/main.lock",
        "refs/remotes/origin/main.lock",
        "packed-refs.lock",
        "config.lock",
        "shallow.lock",
    ] {
        let world = World::of("podinfo");
        world.tick();
        let path = world.checkout().join(".git").join(lock);
        fs_err::write(&path, "").unwrap();
        let line = world.tick();
        assert!(line.starts_with("Initialized 100/0"), "{lock}: {line}");
        assert!(path.exists(), "{lock} may be of somebody who is at work");
    }
}

#[test]
fn the_lock_of_the_fetched_tip_is_named() {
    let world = World::of("podinfo");
    world.tick();
    let lock = world.checkout().join(".git").join(FETCHED);
    fs_err::write(&lock, "").unwrap();
    world.wait(1);
    let ran = world.step().exits(4);
    assert!(ran.stderr.contains(lock.to_str().unwrap()), "{ran}");
    assert!(ran.stderr.contains("if no other run is at work"), "{ran}");
    assert_eq!(world.commits(), 2);
    fs_err::remove_file(lock).unwrap();
    let _ran = world.step().exits(0);
    assert_eq!(steps(&world), ["Initializing", "Initialized 0"]);
}

#[test]
fn a_remote_that_stays_locked_changes_nothing() {
    let world = World::of("podinfo");
    let lock = world.remote().join("refs/heads/main.lock");
    fs_err::write(&lock, "").unwrap();
    let ran = world.next().exits(4);
    assert_eq!(world.commits(), 1, "{ran}");
    assert!(ran.stderr.contains("is locked at the remote"), "{ran}");
    fs_err::remove_file(lock).unwrap();
    let _ran = world.step().exits(0);
    assert_eq!(steps(&world), ["Initializing"]);
}
