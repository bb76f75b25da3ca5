//! Rollouts as Deployments of GitHub.

use serde_json::{Value, json};

use crate::support::github::{GitHub, Refusal};
use crate::support::gitops::{PODINFO, World, line};
use crate::support::program::{Call, Ran};
use crate::support::prometheus::Says;
use crate::support::world::git;

/// A repository whose rollouts GitHub shows.
struct Shown {
    world: World,
    github: GitHub,
}

const CANARY: &str = "apps/podinfo/canary.yaml";
const BEGIN: &str = "spec:\n  targetRef";

impl Shown {
    fn of(world: World) -> Self {
        let github = GitHub::start();
        Self { world, github }
    }

    /// The bootstrap is done.
    fn idle(world: World) -> Self {
        let shown = Self::of(world);
        shown.until("initialized");
        drop(shown.step());
        shown
    }

    fn with(&self, call: Call) -> Call {
        call.env("GITHUB_API_URL", self.github.api())
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_REPOSITORY", "me/fleet")
            .env("GITHUB_RUN_ID", "42")
            .env("GITHUB_TOKEN", "s3cret")
            .env("WEIRKEEPER_DEPLOYMENTS", "true")
    }

    /// A step one interval later.
    fn step(&self) -> Ran {
        self.world.wait(1);
        self.with(self.world.stepping()).run()
    }

    #[track_caller]
    fn tick(&self) -> String {
        line(&self.step().exits(0).result(PODINFO))
    }

    #[track_caller]
    fn until(&self, action: &str) {
        let mut lines = Vec::new();
        loop {
            let line = self.tick();
            let is_it = line
                .split(' ')
                .nth(2)
                .map(|word| word.trim_end_matches(':'));
            if is_it == Some(action) {
                return;
            }
            lines.push(line);
            assert!(lines.len() < 20, "no {action}: {lines:#?}");
        }
    }

    fn says(&self, word: &str) -> Ran {
        let call = self
            .world
            .weirkeeper([word, PODINFO, "--author", "A <a@b>"]);
        self.with(call).run().exits(0)
    }

    fn release(&self, from: &str, to: &str) {
        self.world
            .release(&format!("podinfo:{from}"), &format!("podinfo:{to}"));
    }

    /// The requests since `before`, without what differs.
    fn asked(&self, before: usize) -> Vec<String> {
        let requests = self.github.requests();
        let requests = requests[before..].iter();
        requests
            .map(|asked| format!("{} {}", asked.method, asked.path))
            .collect()
    }

    fn count(&self) -> usize {
        self.github.requests().len()
    }

    /// The states of each Deployment, the oldest first.
    fn states(&self) -> Vec<String> {
        let lines = self.github.deployed().into_iter();
        let states = lines.filter_map(|line| Some(line.split_once(": ")?.1.to_owned()));
        states.collect()
    }
}

#[test]
fn each_revision_is_a_deployment() {
    let shown = Shown::idle(World::of("podinfo"));
    assert_eq!(shown.states(), ["in_progress success"]);
    shown.release("6.0.0", "6.1.0");
    shown.until("advanced");
    assert_eq!(shown.states(), ["in_progress success", "in_progress"]);
    let (made, statuses) = shown.github.newest_deployment();
    let revision = made["payload"]["revision"].clone();
    let started = shown.world.log(1, "%H %P");
    assert_eq!(
        made,
        json!({
            "ref": started.split(' ').nth(1).unwrap(),
            "environment": PODINFO,
            "description": format!("revision {} of test/podinfo", revision.as_str().unwrap()),
            "payload": {"canary": PODINFO, "revision": revision},
            "auto_merge": false,
            "required_contexts": [],
            "transient_environment": false,
            "production_environment": false,
        })
    );
    let last = statuses.last().unwrap();
    assert_eq!(
        last["description"],
        "primary 75, canary 25: canary 0 → 25 %"
    );
    assert_eq!(
        last["log_url"],
        "https://github.com/me/fleet/actions/runs/42"
    );
    assert_eq!(last["environment_url"], Value::Null);
    assert_eq!(last["auto_inactive"], false);
    // A step among others takes three requests.
    let before = shown.count();
    assert!(shown.tick().contains("50/50 advanced"));
    assert_eq!(
        shown.asked(before),
        [
            "GET /repos/me/fleet/deployments?environment=test%2Fpodinfo&per_page=100",
            "GET /repos/me/fleet/deployments/101/statuses",
            "POST /repos/me/fleet/deployments/101/statuses",
        ]
    );
    shown.until("succeeded");
    drop(shown.step());
    let states = shown.states();
    assert_eq!(
        states,
        ["in_progress success inactive", "in_progress success"]
    );
    // Nothing happens any more.
    let before = shown.count();
    drop(shown.step().exits(0));
    drop(shown.step().exits(0));
    assert_eq!(shown.asked(before), [""; 0]);
}

#[test]
fn a_rollback_is_a_failure_and_the_promoted_revision_serves() {
    let shown = Shown::idle(World::of("podinfo"));
    shown.release("6.0.0", "6.1.0");
    shown.until("advanced");
    shown
        .world
        .prometheus
        .set("http_request", Says::Value(90.0));
    shown.until("rolledBack");
    drop(shown.step());
    let states = ["in_progress success", "in_progress failure"];
    assert_eq!(shown.states(), states);
    let (_, statuses) = shown.github.newest_deployment();
    let told = statuses.last().unwrap()["description"].as_str().unwrap();
    assert!(
        told.starts_with("primary 100, canary 0: revision "),
        "{told}"
    );
    assert!(told.chars().count() <= 140, "{told}");
    // It is tried again, and aborted.
    shown
        .world
        .prometheus
        .set("http_request", Says::Value(99.9));
    drop(shown.says("retry"));
    assert_eq!(shown.states(), states);
    shown.until("advanced");
    let again = ["in_progress success", "in_progress failure in_progress"];
    assert_eq!(shown.states(), again);
    drop(shown.says("abort"));
    assert_eq!(shown.states()[1], "in_progress failure in_progress failure");
}

#[test]
fn a_target_that_is_taken_back_has_not_failed() {
    let gitops = "spec:\n  gitops: {onFailure: revert}\n  targetRef";
    let shown = Shown::idle(World::with(&[(CANARY, BEGIN, gitops)]));
    shown.release("6.0.0", "6.1.0");
    shown.until("advanced");
    drop(shown.says("abort"));
    shown.world.wait(1);
    drop(shown.step());
    drop(shown.step());
    assert_eq!(
        shown.states(),
        ["in_progress success", "in_progress failure"]
    );
}

#[test]
fn a_newer_revision_takes_the_place_of_one_under_way() {
    let shown = Shown::idle(World::of("podinfo"));
    shown.release("6.0.0", "6.1.0");
    shown.until("advanced");
    shown.release("6.1.0", "6.2.0");
    shown.until("restarted");
    assert_eq!(
        shown.states(),
        ["in_progress success", "in_progress inactive", "in_progress"]
    );
    // Back to what was promoted: the run is cancelled.
    shown.release("6.2.0", "6.0.0");
    shown.until("succeeded");
    let states = [
        "in_progress success",
        "in_progress inactive",
        "in_progress inactive",
    ];
    assert_eq!(shown.states(), states);
}

#[test]
fn a_revert_of_a_promotion_takes_the_deployments_back() {
    let shown = Shown::idle(World::of("podinfo"));
    shown.release("6.0.0", "6.1.0");
    shown.until("advanced");
    let middle = shown.world.tip();
    shown.until("succeeded");
    shown.world.pull();
    let person = shown.world.person();
    git(
        &person,
        &["revert", "--no-commit", &format!("{middle}..HEAD")],
    );
    shown.world.push("not yet");
    shown.world.wait(1);
    drop(shown.step().exits(0));
    let states = shown.states();
    assert_eq!(
        states,
        [
            "in_progress success inactive success",
            "in_progress success in_progress"
        ]
    );
    shown.until("succeeded");
    let states = shown.states();
    assert_eq!(
        states,
        [
            "in_progress success inactive success inactive",
            "in_progress success in_progress success"
        ]
    );
}

#[test]
fn a_closed_gate_is_a_queue() {
    let gitops = "spec:\n  gitops: {gates: [{type: confirm-rollout}]}\n  targetRef";
    let shown = Shown::idle(World::with(&[(CANARY, BEGIN, gitops)]));
    shown.release("6.0.0", "6.1.0");
    shown.until("held");
    assert_eq!(shown.states(), ["in_progress success", "queued"]);
    drop(shown.says("approve"));
    shown.until("advanced");
    assert_eq!(
        shown.states(),
        ["in_progress success", "queued in_progress"]
    );
}

#[test]
fn a_deleted_canary_is_deployed_nowhere() {
    let shown = Shown::idle(World::of("podinfo"));
    shown.release("6.0.0", "6.1.0");
    shown.until("advanced");
    shown.world.pull();
    git(&shown.world.person(), &["rm", "-q", CANARY]);
    shown.world.push("remove the Canary");
    drop(shown.step().exits(0));
    assert_eq!(
        shown.states(),
        ["in_progress success inactive", "in_progress inactive"]
    );
}

#[test]
fn the_one_host_of_a_canary_is_where_users_meet_it() {
    for (hosts, expected) in [
        ("[shop.example.com]", json!("https://shop.example.com/")),
        ("[\"*.example.com\"]", Value::Null),
        ("[a.example.com, b.example.com]", Value::Null),
    ] {
        let hosts = format!("    port: 9898\n    hosts: {hosts}\n");
        let world = World::with(&[(CANARY, "    port: 9898\n", &hosts)]);
        let shown = Shown::of(world);
        drop(shown.step().exits(0));
        let (_, statuses) = shown.github.newest_deployment();
        assert_eq!(statuses[0]["environment_url"], expected);
    }
}

/// Deployments of others in the same environment, and a status of somebody's own.
#[test]
fn what_others_deploy_is_left_alone() {
    let shown = Shown::of(World::of("podinfo"));
    let other = json!({"environment": PODINFO, "payload": {"canary": "other"}, "ref": "main"});
    let text = json!({"environment": PODINFO, "payload": "by hand", "ref": "main"});
    for body in [other, text] {
        shown.github.deploy(body, "success");
    }
    shown.until("initialized");
    let states = shown.github.deployed();
    // What GitHub itself ends, as of every Deployment before a newer one.
    assert!(states[2].ends_with("in_progress success"), "{states:?}");
    let writes = shown.github.requests().into_iter();
    let mut writes = writes.filter(|asked| asked.method == "POST");
    assert!(writes.all(|asked| !asked.path.contains("/100/") && !asked.path.contains("/101/")));
}

fn refusal(method: &'static str, status: u16, message: &str) -> Refusal {
    Refusal {
        method,
        path: "/deployments",
        status,
        headers: Vec::new(),
        body: json!({"message": message}),
        times: 1,
    }
}

#[test]
fn a_step_is_not_lost_when_github_does_not_show_it() {
    let shown = Shown::idle(World::of("podinfo"));
    shown.release("6.0.0", "6.1.0");
    shown.until("advanced");
    let limit = vec![
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-reset", "4102444800".to_owned()),
    ];
    let forbidden = "Resource not accessible by integration";
    for (refusal, said) in [
        (refusal("POST", 403, forbidden), "`deployments: write`"),
        (refusal("GET", 403, forbidden), "`deployments: write`"),
        (refusal("GET", 404, "Not Found"), "404"),
        (refusal("POST", 422, "Validation Failed"), "422"),
        (refusal("POST", 409, "Conflict"), "409"),
        (refusal("POST", 502, ""), "502"),
        (
            Refusal {
                headers: limit,
                ..refusal("GET", 403, "limit")
            },
            "until 2100",
        ),
    ] {
        drop(shown.says("pause"));
        shown.github.refuse(refusal);
        let ran = shown.says("resume");
        assert!(
            ran.stderr
                .contains("test/podinfo is not shown as a Deployment"),
            "{ran}"
        );
        assert!(
            ran.stderr.contains(said) && ran.stderr.contains("::warning"),
            "{ran}"
        );
        let message = shown.world.log(1, "%B");
        assert!(message.contains("resumed by A"), "{message}");
    }
    // What was missed is made up for.
    shown.until("advanced");
    assert_eq!(shown.states()[1], "in_progress");
}

/// Two Canaries step at the same time: what GitHub refuses one it refuses all.
#[test]
fn a_refusal_for_all_is_met_once() {
    let shown = Shown::of(World::of("two-in-one-file"));
    let refused = refusal("GET", 401, "Bad credentials");
    shown.github.refuse(Refusal {
        times: 9,
        ..refused
    });
    let ran = shown.step().exits(0);
    assert!(ran.stderr.contains("not valid any more"), "{ran}");
    let before = shown.count();
    assert!(before <= 2, "{:?}", shown.asked(0));
}

#[test]
fn nothing_is_shown_of_what_github_does_not_have() {
    let shown = Shown::of(World::of("podinfo"));
    for option in ["--dry-run", "--no-push"] {
        let call = shown.with(shown.world.stepping()).arg(option);
        drop(call.run().exits(0));
    }
    // Nor when nobody asked for it, or the push is refused.
    let call = shown.with(shown.world.stepping());
    drop(call.env("WEIRKEEPER_DEPLOYMENTS", "false").run().exits(0));
    shown.world.pre_receive("exit 1");
    shown.world.wait(1);
    drop(shown.step().exits(4));
    assert_eq!(shown.github.requests(), []);
}
