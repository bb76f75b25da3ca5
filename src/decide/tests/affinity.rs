//! Cookies of sticky sessions.

use crate::decide::world::World;

const STICKY: &str = "threshold: 1, stepWeight: 25, maxWeight: 50, \
    sessionAffinity: {cookieName: c, primaryCookieName: p}";

fn cookies(world: &World) -> [Option<String>; 3] {
    let status = world.canary.status.clone().unwrap();
    [
        status.session_affinity_cookie,
        status.previous_session_affinity_cookie,
        status.primary_session_affinity_cookie,
    ]
}

#[test]
fn cookies_live_as_long_as_the_traffic() {
    let mut world = World::new(STICKY);
    world.release("v2");
    world.tick();
    assert_eq!(cookies(&world), [None, None, None]);

    world.tick();
    let [Some(canary), None, Some(primary)] = cookies(&world) else {
        panic!("{:?}", cookies(&world));
    };
    let is_value =
        |value: &str| value.len() == 10 && value.chars().all(|c| c.is_ascii_alphabetic());
    assert!(canary.strip_prefix("c=").is_some_and(is_value), "{canary}");
    assert!(
        primary.strip_prefix("p=").is_some_and(is_value),
        "{primary}"
    );
    assert_ne!(canary[2..], primary[2..]);

    world.tick();
    world.tick();
    let (ours, primarys) = (Some(canary.clone()), Some(primary.clone()));
    assert_eq!(cookies(&world), [ours.clone(), None, primarys.clone()]);
    world.tick();
    assert_eq!(cookies(&world), [None, ours.clone(), primarys.clone()]);
    world.run();
    assert_eq!(cookies(&world), [None, ours.clone(), primarys.clone()]);

    world.release("v3");
    world.tick();
    world.tick();
    let [next, previous, again] = cookies(&world);
    assert_ne!(next, ours, "another run, another cookie");
    assert_eq!((previous, again), (ours, primarys));
}

#[test]
fn a_restart_begins_with_a_new_cookie() {
    let mut world = World::new(STICKY);
    world.release("v2");
    world.tick();
    world.tick();
    let [first, ..] = cookies(&world);
    world.release("v3");
    world.tick();
    assert_eq!(cookies(&world)[..2], [None, first.clone()]);
    world.tick();
    let [second, previous, _] = cookies(&world);
    assert_eq!(previous, first);
    assert!(second.is_some() && second != first);
}
