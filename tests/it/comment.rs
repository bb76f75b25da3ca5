//! Commands in comments, and everything that must not be obeyed.

use std::cell::Cell;

use serde_json::{Value, json};

use crate::support::github::{GitHub, Refusal};
use crate::support::gitops::{PODINFO, World};
use crate::support::program::{Call, Ran};
use crate::support::world::git;

/// A repository with a rollout, and a GitHub where people write comments.
struct Talk {
    world: World,
    github: GitHub,
    next: Cell<u64>,
}

/// The issue, or pull request, of the comments.
const NUMBER: u64 = 7;

impl Talk {
    fn of(world: World) -> Self {
        let github = GitHub::start();
        for (login, id, permission, role) in [
            ("ann", 1, "admin", "admin"),
            ("bea", 2, "write", "maintain"),
            ("cem", 3, "write", "write"),
            ("tom", 4, "read", "triage"),
            ("rob", 5, "read", "read"),
            ("non", 6, "none", ""),
        ] {
            github.person(login, id, permission, role);
        }
        github.pull_from(NUMBER, "weirkeeper/test/podinfo", "me/fleet");
        let next = Cell::new(500);
        Self {
            world,
            github,
            next,
        }
    }

    /// A release of which a quarter of the traffic is on the canary.
    fn begun() -> Self {
        let world = World::of("podinfo");
        world.bootstrap();
        world.release("podinfo:6.0.0", "podinfo:6.1.0");
        world.until("advanced");
        Self::of(world)
    }

    /// A new comment: the event, and what GitHub says of it.
    fn comment(&self, login: &str, body: &str) -> Value {
        self.next.set(self.next.get() + 1);
        let id = self.next.get();
        let user = match login {
            "ann" => 1,
            "bea" => 2,
            "cem" => 3,
            "tom" => 4,
            "rob" => 5,
            _ => 6,
        };
        let comment = json!({
            "id": id, "body": body,
            "user": {"login": login, "id": user, "type": "User"},
            "html_url": format!("https://github.com/me/fleet/issues/{NUMBER}#issuecomment-{id}"),
            "issue_url": format!("https://api.github.com/repos/me/fleet/issues/{NUMBER}"),
            "created_at": self.world.now(), "updated_at": self.world.now(),
            "author_association": "OWNER", "performed_via_github_app": null,
        });
        self.github.set_comment(id, Some(comment.clone()));
        json!({
            "action": "created", "comment": comment, "issue": {"number": NUMBER},
            "repository": {"full_name": "me/fleet"}, "sender": {"login": login},
        })
    }

    fn call(&self, event: &str, payload: impl AsRef<[u8]>) -> Call {
        let path = self.world.path().join("event.json");
        fs_err::write(&path, payload).unwrap();
        self.world
            .weirkeeper(["comment"])
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_EVENT_NAME", event)
            .env("GITHUB_EVENT_PATH", path)
            .env("GITHUB_API_URL", self.github.api())
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_REPOSITORY", "me/fleet")
            .env("GITHUB_RUN_ID", "42")
            .env("GITHUB_TOKEN", "s3cret")
    }

    fn happens(&self, event: &Value) -> Ran {
        let call = self.call("issue_comment", event.to_string());
        call.args(["--format", "json"]).run()
    }

    fn says(&self, login: &str, body: &str) -> Ran {
        self.happens(&self.comment(login, body))
    }

    /// The last reply.
    #[track_caller]
    fn told(&self) -> String {
        self.github.replies().pop().unwrap()
    }

    /// The paths that were asked for since `before`, with the method.
    fn asked(&self, before: usize) -> Vec<String> {
        let requests = self.github.requests();
        let requests = requests[before..].iter();
        requests
            .map(|asked| format!("{} {}", asked.method, asked.path))
            .collect()
    }
}

#[test]
fn a_person_who_may_write_is_obeyed_and_answered() {
    let talk = Talk::begun();
    let text = "Hm.\r\n/weirkeeper pause test/podinfo  the *database* is being moved\r\nThanks!";
    let ran = talk.says("bea", text).exits(0);
    let result = ran.result(PODINFO);
    assert_eq!(
        (&result["action"], &result["commit"]),
        (&json!("paused"), &json!(talk.world.tip()))
    );
    let message = talk.world.log(1, "%an <%ae>%n%cn%n%B");
    assert!(
        message.starts_with("bea <2+bea@users.noreply.github.com>\nbea\npodinfo.test: paused by"),
        "{message}"
    );
    let trailer = "Comment: https://github.com/me/fleet/issues/7#issuecomment-501";
    assert!(
        message.contains("the *database* is being moved"),
        "{message}"
    );
    assert!(message.contains(trailer), "{message}");
    assert_eq!(talk.github.reactions(), ["501 +1"]);
    let told = talk.told();
    assert!(
        told.contains(&format!("commit {}", talk.world.tip())),
        "{told}"
    );
    assert!(told.contains("the \\*database\\* is being moved"), "{told}");
    assert!(!told.contains('@'), "{told}");
    assert_eq!(
        talk.asked(0),
        [
            "GET /repos/me/fleet/collaborators/bea/permission",
            "GET /repos/me/fleet/issues/comments/501",
            "POST /repos/me/fleet/issues/7/comments",
            "POST /repos/me/fleet/issues/comments/501/reactions",
        ]
    );
    assert!(talk.world.tick().contains("held"));
    drop(talk.says("cem", "/weirkeeper resume test/podinfo").exits(0));
    assert!(talk.world.tick().contains("50/50 advanced"));
    drop(talk.says("ann", "/weirkeeper abort test/podinfo").exits(0));
    talk.world.wait(2);
    talk.world.tick();
    drop(talk.says("ann", "/weirkeeper retry test/podinfo").exits(0));
    talk.world.until("advanced");
    // The book still adds up.
    talk.world.pull();
    let checked = Call::new(&talk.world.person(), talk.world.path());
    let checked = checked.args(["--now", &talk.world.now(), "history", "--check"]);
    assert!(checked.run().exits(0).stdout.contains("bea: "));
}

#[test]
fn whoever_may_not_write_is_not_obeyed() {
    let talk = Talk::begun();
    let tip = talk.world.tip();
    for (index, login) in ["tom", "rob", "non", "stranger"].into_iter().enumerate() {
        let ran = talk.says(login, "/weirkeeper abort test/podinfo @ann");
        assert!(ran.exits(0).stderr.contains("may not write"));
        let reactions = talk.github.reactions();
        assert_eq!(reactions.len(), index + 1);
        assert!(reactions[index].ends_with(" confused"), "{reactions:?}");
        assert!(!talk.told().contains("ann"));
    }
    // Somebody else took the name that was free.
    talk.github.person("cem", 33, "admin", "admin");
    drop(talk.says("cem", "/weirkeeper abort test/podinfo").exits(0));
    assert!(talk.github.reactions()[4].ends_with(" confused"));
    assert_eq!(talk.world.tip(), tip);
}

/// What is out of the question takes no request at all.
#[test]
fn what_is_no_command_of_a_person_is_left_alone() {
    let talk = Talk::begun();
    let tip = talk.world.tip();
    let abort = "/weirkeeper abort test/podinfo";
    let changed = |path: &str, value: Value| {
        let mut event = talk.comment("ann", abort);
        *event.pointer_mut(path).unwrap() = value;
        event
    };
    for event in [
        talk.comment("ann", "what about weirkeeper?"),
        talk.comment("ann", "> /weirkeeper abort test/podinfo"),
        talk.comment("ann", "```\n/weirkeeper abort test/podinfo\n```"),
        talk.comment("ann", "<!--\n/weirkeeper abort test/podinfo\n-->"),
        changed("/action", json!("edited")),
        changed("/action", json!("deleted")),
        changed("/comment/user/type", json!("Bot")),
        changed("/comment/user/type", json!("Organization")),
        changed("/comment/user", Value::Null),
        changed("/comment/body", Value::Null),
        changed(
            "/comment/performed_via_github_app",
            json!({"id": 1, "slug": "helper"}),
        ),
    ] {
        let ran = talk.happens(&event).exits(0);
        assert!(ran.stderr.contains("nothing to do"), "{ran}");
    }
    assert_eq!(talk.github.requests(), []);
    assert_eq!(talk.world.tip(), tip);
}

/// An answer of ours, seen with the token of a machine user.
#[test]
fn an_answer_is_never_obeyed() {
    let talk = Talk::begun();
    drop(
        talk.says(
            "ann",
            "/weirkeeper pause test/podinfo /weirkeeper resume test/podinfo",
        )
        .exits(0),
    );
    let tip = talk.world.tip();
    let ran = talk.says("ann", &talk.told()).exits(0);
    assert!(ran.stderr.contains("no command"), "{ran}");
    drop(talk.says("ann", "/weirkeeper lunch /weirkeeper").exits(2));
    drop(talk.says("ann", &talk.told()).exits(0));
    assert_eq!(talk.world.tip(), tip);
}

#[test]
fn a_comment_that_is_not_what_it_was_is_refused() {
    let talk = Talk::begun();
    let tip = talk.world.tip();
    let now = |event: &Value, path: &str, value: Value| {
        let mut comment = event["comment"].clone();
        *comment.pointer_mut(path).unwrap() = value;
        talk.github
            .set_comment(comment["id"].as_u64().unwrap(), Some(comment));
    };
    let other = "https://api.github.com/repos/me/fleet/issues/70";
    for (path, value) in [
        ("/body", json!("/weirkeeper abort test/podinfo now")),
        ("/user/id", json!(99)),
        ("/user", Value::Null),
        ("/user/type", json!("Bot")),
        ("/issue_url", json!(other)),
        ("/performed_via_github_app", json!({"id": 1})),
    ] {
        let event = talk.comment("ann", "/weirkeeper abort test/podinfo");
        now(&event, path, value);
        let ran = talk.happens(&event).exits(2);
        assert!(ran.stderr.contains("edited"), "{path}: {ran}");
        assert!(talk.told().contains("nothing was done"), "{path}");
        assert!(talk.github.reactions().pop().unwrap().ends_with(" -1"));
    }
    let event = talk.comment("ann", "/weirkeeper abort test/podinfo");
    talk.github
        .set_comment(event["comment"]["id"].as_u64().unwrap(), None);
    let answers = talk.github.replies().len();
    let ran = talk.happens(&event).exits(0);
    assert!(ran.stderr.contains("deleted"), "{ran}");
    assert_eq!(talk.github.replies().len(), answers);
    // Whose name is to become part of a commit must be one.
    talk.github.person("a<b>", 8, "admin", "admin");
    let mut event = talk.comment("ann", "/weirkeeper abort test/podinfo");
    event["comment"]["user"] = json!({"login": "a<b>", "id": 8, "type": "User"});
    now(&event, "/user", event["comment"]["user"].clone());
    drop(talk.happens(&event).exits(4));
    let event = talk.comment("ann", "/weirkeeper abort test/podinfo");
    now(
        &event,
        "/html_url",
        json!("https://github.com/me/fleet/issues/7#issuecomment-1"),
    );
    drop(talk.happens(&event).exits(4));
    assert_eq!(talk.world.tip(), tip);
}

#[test]
fn an_event_that_cannot_be_used() {
    let talk = Talk::begun();
    let tip = talk.world.tip();
    let event = talk
        .comment("ann", "/weirkeeper abort test/podinfo")
        .to_string();
    for (name, payload, said) in [
        ("push", event.as_str(), "started by push"),
        (
            "pull_request_review_comment",
            &event,
            "needs the event issue_comment",
        ),
        ("issue_comment", "no JSON {", "no payload of issue_comment"),
        (
            "issue_comment",
            "{\"action\": \"created\"}",
            "no payload of issue_comment",
        ),
        ("issue_comment", "[]", "no payload of issue_comment"),
        ("issue_comment", "", "no payload of issue_comment"),
    ] {
        let ran = talk.call(name, payload).run().exits(2);
        assert!(ran.stderr.contains(said), "{name}: {ran}");
        assert!(ran.stderr.contains("types: [created]"), "{name}: {ran}");
    }
    let missing = talk.call("issue_comment", &event);
    let missing = missing.env("GITHUB_EVENT_PATH", talk.world.path().join("none"));
    assert!(
        missing
            .run()
            .exits(2)
            .stderr
            .contains("cannot read the payload")
    );
    let here = talk.world.weirkeeper(["comment"]).run().exits(2);
    assert!(here.stderr.contains("needs a workflow"), "{here}");
    // A comment at the repository of the application, about the one of the fleet.
    let elsewhere = event.replace("\"full_name\":\"me/fleet\"", "\"full_name\":\"me/app\"");
    let ran = talk.call("issue_comment", elsewhere).run().exits(2);
    assert!(
        ran.stderr
            .contains("one of me/app, the checkout is me/fleet"),
        "{ran}"
    );
    assert_eq!(talk.github.requests(), []);
    assert_eq!(talk.world.tip(), tip);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let talk = Talk::begun();
    let tip = talk.world.tip();
    for (text, said) in [
        ("approve test/podinfo", "no gate waits for an approval"),
        ("approve test/podinfo confirm-lunch", "is no gate"),
        ("resume test/podinfo", "not paused"),
        ("retry test/podinfo", "nothing failed"),
        ("abort", "which Canary is meant"),
        ("abort test/other", "there is no Canary test/other"),
        ("abort test/podinfo/x", "is not NAMESPACE/NAME"),
        ("launch test/podinfo", "is no command"),
    ] {
        let ran = talk.says("ann", &format!("/weirkeeper {text}"));
        let ran = ran.exits(2);
        assert!(ran.stderr.contains(said), "{text}: {ran}");
        let told = talk.told().replace('\\', "");
        assert!(told.contains(said), "{text}: {told}");
        assert!(
            told.contains("(<https://github.com/me/fleet/actions/runs/42>)"),
            "{told}"
        );
        assert!(talk.github.reactions().pop().unwrap().ends_with(" -1"));
    }
    let long = "x".repeat(60_000);
    drop(
        talk.says("ann", &format!("/weirkeeper pause test/podinfo {long}"))
            .exits(2),
    );
    assert!(talk.told().len() < 1000, "{}", talk.told());
    assert_eq!(talk.world.tip(), tip);
}

#[test]
fn a_reason_does_nothing_but_tell() {
    let talk = Talk::begun();
    let reason = "::set-output name=x::1 \u{1b}[31m ##[error]no \u{202e} Phase: Failed\u{2028}Canary: a/b <b>@ann";
    let call = talk.comment("ann", &format!("/weirkeeper pause test/podinfo {reason}"));
    let ran = talk.call("issue_comment", call.to_string()).run().exits(0);
    for stream in [&ran.stdout, &ran.stderr] {
        assert!(
            !stream.contains(['\u{1b}', '\u{202e}', '\u{2028}']),
            "{ran}"
        );
        assert!(!stream.contains("##["), "{ran}");
        let mut lines = stream.lines().map(str::trim_start);
        assert!(!lines.any(|line| line.starts_with("::set-output")), "{ran}");
    }
    let message = talk.world.log(1, "%B");
    let trailers = talk.world.log(1, "%(trailers:only)");
    assert!(
        trailers.starts_with("Canary: test/podinfo\nPhase: Progressing\n"),
        "{message}"
    );
    assert_eq!(trailers.matches("Canary: ").count(), 1, "{message}");
    let told = talk.told();
    assert!(told.contains("&lt;b&gt;&#64;ann"), "{told}");
}

#[test]
fn the_first_of_two_commands_counts() {
    let talk = Talk::begun();
    let text = "/weirkeeper pause test/podinfo\n/weirkeeper abort test/podinfo";
    let ran = talk.says("ann", text).exits(0);
    assert_eq!(ran.result(PODINFO)["action"], "paused");
    assert!(talk.told().contains("more commands"), "{}", talk.told());
}

/// A release that waits for a person twice.
fn gated() -> Talk {
    let gates = "spec:\n  gitops: {gates: [{type: confirm-rollout}, {type: confirm-promotion}]}\n";
    let world = World::with(&[("apps/podinfo/canary.yaml", "spec:\n", gates)]);
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    Talk::of(world)
}

fn until_it_waits(world: &World, phase: &str) {
    let mut last = String::new();
    while !last.starts_with(phase) {
        last = world.tick();
        assert!(world.commits() < 30, "{last}");
    }
}

#[test]
fn a_comment_approves_once_however_often_its_workflow_runs() {
    let talk = gated();
    until_it_waits(&talk.world, "Waiting ");
    let event = talk.comment("ann", "/weirkeeper approve test/podinfo");
    drop(talk.happens(&event).exits(0));
    let tip = talk.world.tip();
    let ran = talk.happens(&event).exits(0);
    assert!(ran.stdout.contains("carried out before"), "{ran}");
    assert_eq!(ran.result(PODINFO)["commit"], Value::Null);
    assert_eq!(talk.world.tip(), tip);
    assert!(talk.told().contains("carried out before"));
    // The next gate waits for its own approval.
    until_it_waits(&talk.world, "WaitingPromotion ");
    let tip = talk.world.tip();
    drop(talk.happens(&event).exits(0));
    // Also from a clone that has nothing but the tip.
    let url = format!("file://{}", talk.world.remote().display());
    git(
        talk.world.path(),
        &["clone", "-q", "--depth=1", &url, "shallow"],
    );
    let shallow = talk.call("issue_comment", event.to_string());
    let shallow = shallow.args(["--repo", "../shallow"]).run().exits(0);
    assert!(shallow.stdout.contains("carried out before"), "{shallow}");
    assert_eq!(talk.world.tip(), tip);
    drop(
        talk.says("bea", "/weirkeeper approve test/podinfo confirm-promotion")
            .exits(0),
    );
    assert_ne!(talk.world.tip(), tip);
    talk.world.until("succeeded");
}

/// GitHub may deliver an event twice.
#[test]
fn two_runs_of_one_comment_carry_it_out_once() {
    let talk = Talk::begun();
    let commits = talk.world.commits();
    let event = talk
        .comment("ann", "/weirkeeper pause test/podinfo")
        .to_string();
    let other = talk.world.clone("other");
    let first = talk.call("issue_comment", &event);
    let second = talk.call("issue_comment", &event);
    let second = second.arg("--repo").arg(&other);
    let running = [first.start(), second.start()];
    let ran = running.map(|running| running.end().exits(0));
    let again = ran
        .iter()
        .filter(|ran| ran.stdout.contains("carried out before"));
    assert_eq!(again.count(), 1, "{}\n{}", ran[0], ran[1]);
    assert_eq!(talk.world.commits(), commits + 1);
}

#[test]
fn an_old_comment_or_one_that_was_overtaken_is_refused() {
    let talk = Talk::begun();
    let pause = talk.comment("ann", "/weirkeeper pause test/podinfo");
    let abort = talk.comment("ann", "/weirkeeper abort test/podinfo");
    let resume = talk.comment("ann", "/weirkeeper resume test/podinfo");
    drop(talk.happens(&pause).exits(0));
    drop(talk.happens(&resume).exits(0));
    let tip = talk.world.tip();
    let ran = talk.happens(&abort).exits(2);
    assert!(
        ran.stderr.contains("a newer comment was carried out"),
        "{ran}"
    );
    // The revert of a word does not bring its comment back to life for long.
    let again = talk.comment("ann", "/weirkeeper pause test/podinfo");
    talk.world.wait(61);
    let ran = talk.happens(&again).exits(2);
    assert!(ran.stderr.contains("2026-01-01T"), "{ran}");
    assert_eq!(talk.world.tip(), tip);
    assert!(talk.told().contains("may be over"));
}

#[test]
fn the_pull_request_of_a_rollout_names_it() {
    let talk = Talk::begun();
    let says = |text: &str| {
        let mut event = talk.comment("ann", text);
        event["issue"]["pull_request"] = json!({"url": "x"});
        talk.happens(&event)
    };
    let tip = talk.world.tip();
    let ran = says("/weirkeeper pause other/app").exits(2);
    assert!(ran.stderr.contains("is about test/podinfo"), "{ran}");
    // A fork calls its branch as it likes.
    talk.github
        .pull_from(NUMBER, "weirkeeper/test/podinfo", "eve/fleet");
    let ran = says("/weirkeeper abort").exits(2);
    assert!(ran.stderr.contains("which Canary is meant"), "{ran}");
    talk.github
        .pull_from(NUMBER, "weirkeeper/test/--help", "me/fleet");
    drop(says("/weirkeeper abort").exits(2));
    assert_eq!(talk.world.tip(), tip);
    talk.github
        .pull_from(NUMBER, "weirkeeper/test/podinfo", "me/fleet");
    let ran = says("/weirkeeper pause for lunch").exits(0);
    assert_eq!(ran.result(PODINFO)["action"], "paused");
    assert!(talk.world.log(1, "%B").contains(": for lunch"));
    // Any other pull request takes the name.
    talk.github.pull_from(NUMBER, "topic", "eve/fleet");
    drop(says("/weirkeeper resume test/podinfo").exits(0));
}

fn refusal(method: &'static str, path: &'static str, status: u16, message: &str) -> Refusal {
    Refusal {
        method,
        path,
        status,
        headers: Vec::new(),
        body: json!({"message": message}),
        times: 1,
    }
}

#[test]
fn an_answer_that_cannot_be_given_loses_nothing() {
    let talk = Talk::begun();
    let body = "Resource not accessible by integration";
    talk.github
        .refuse(refusal("POST", "/issues/7/comments", 403, body));
    let ran = talk.says("ann", "/weirkeeper pause test/podinfo").exits(0);
    assert!(ran.stderr.contains("the comment was not answered"), "{ran}");
    assert!(ran.stderr.contains("`issues: write`"), "{ran}");
    assert!(ran.stderr.contains("::warning"), "{ran}");
    assert_eq!(ran.result(PODINFO)["commit"], talk.world.tip());
    // The reaction is tried all the same.
    assert_eq!(talk.github.reactions(), ["501 +1"]);
    let mut event = talk.comment("ann", "/weirkeeper resume test/podinfo");
    event["issue"]["pull_request"] = json!({});
    for (status, message) in [(404, "Not Found"), (422, "Validation Failed"), (502, "")] {
        talk.github
            .refuse(refusal("POST", "/reactions", status, message));
        let ran = talk.happens(&event).exits(0);
        assert!(
            ran.stderr.contains(&format!("GitHub answered {status}")),
            "{ran}"
        );
    }
    talk.github.refuse(refusal("POST", "/reactions", 403, body));
    let ran = talk.happens(&event).exits(0);
    assert!(ran.stderr.contains("`pull-requests: write`"), "{ran}");
}

#[test]
fn nobody_is_obeyed_when_github_does_not_say_who_may() {
    let talk = Talk::begun();
    let tip = talk.world.tip();
    let limit = vec![
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-reset", "4102444800".to_owned()),
    ];
    for (path, status, headers, said) in [
        ("/permission", 403, vec![], "the token needs"),
        ("/permission", 403, limit, "no more requests until 2100"),
        ("/permission", 401, vec![], "not valid any more"),
        ("/issues/comments/", 403, vec![], "issues: read"),
    ] {
        let refused = refusal("GET", path, status, "no");
        talk.github.refuse(Refusal { headers, ..refused });
        let ran = talk.says("ann", "/weirkeeper abort test/podinfo").exits(4);
        assert!(ran.stderr.contains(said), "{path}: {ran}");
        // What others said to the program is for its log.
        assert!(talk.told().contains("it failed"), "{}", talk.told());
        assert!(!talk.told().contains("token"), "{}", talk.told());
    }
    assert_eq!(talk.world.tip(), tip);
    for asked in talk.github.requests() {
        assert_eq!(asked.token.as_deref(), Some("s3cret"));
    }
}

#[test]
fn what_only_this_checkout_has_is_not_answered() {
    let talk = Talk::begun();
    let tip = talk.world.tip();
    for option in ["--dry-run", "--no-push"] {
        let event = talk.comment("ann", "/weirkeeper pause test/podinfo");
        let call = talk.call("issue_comment", event.to_string()).arg(option);
        drop(call.run().exits(0));
    }
    let posts = talk.github.requests().into_iter();
    assert_eq!(posts.filter(|asked| asked.method == "POST").count(), 0);
    assert_eq!(talk.world.tip(), tip);
}
