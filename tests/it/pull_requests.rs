//! `--commit-via pull-request`: each step is a pull request, and people merge it.

mod known;
mod life;
mod merging;
mod people;
mod trouble;

use std::cell::RefCell;

use crate::support::github::{GitHub, Pull, Refusal};
use crate::support::gitops::{PODINFO, World, line};
use crate::support::program::{Call, Ran};
use crate::support::prometheus::Says;
use crate::support::world::git;

const CANARY: &str = "apps/podinfo/canary.yaml";
const ROUTE: &str = "apps/podinfo/podinfo-httproute.yaml";

/// The branch of the Canary of the fixture `podinfo`.
const BRANCH: &str = "weirkeeper/test/podinfo";

/// A repository at GitHub whose branch takes no push.
struct Protected {
    world: World,
    github: GitHub,
    /// What the program is called with beside it.
    more: RefCell<Vec<&'static str>>,
}

impl Protected {
    fn new(world: World) -> Self {
        let github = GitHub::of(&world);
        Self {
            world,
            github,
            more: RefCell::default(),
        }
    }

    /// The fixture `podinfo` after its bootstrap and the first step of a release,
    /// both pushed.
    fn begun() -> Self {
        Self::begun_in(World::of("podinfo"))
    }

    fn begun_in(world: World) -> Self {
        world.bootstrap();
        world.release("podinfo:6.0.0", "podinfo:6.1.0");
        world.until("advanced");
        Self::new(world)
    }

    fn at_github(&self, call: Call) -> Call {
        self.github.at(&self.world.now());
        call.args(["--commit-via", "pull-request"])
            .args(self.more.borrow().iter())
            .env("GITHUB_API_URL", self.github.api())
            .env("GITHUB_REPOSITORY", "me/fleet")
            .env("WEIRKEEPER_TOKEN", "hush")
    }

    fn step(&self) -> Ran {
        self.at_github(self.world.stepping()).run()
    }

    /// A step one interval later.
    fn next(&self) -> Ran {
        self.world.wait(1);
        self.step()
    }

    /// The same in one line.
    #[track_caller]
    fn tick(&self) -> String {
        line(&self.next().exits(0).result(PODINFO))
    }

    /// What a person says.
    fn say(&self, word: &str) -> Ran {
        let arguments = [
            word,
            PODINFO,
            "--format",
            "json",
            "--author",
            "Ann <ann@example.com>",
        ];
        self.at_github(self.world.weirkeeper(arguments)).run()
    }

    /// Somebody merges the open pull request now.
    #[track_caller]
    fn merge(&self, method: &str) -> Pull {
        self.github.at(&self.world.now());
        let pull = self.github.pull();
        self.github.merge(pull.number, method);
        pull
    }

    /// The bad checks begin.
    fn fail_checks(&self) {
        self.world.prometheus.set("http_request", Says::Value(90.0));
    }

    fn pass_checks(&self) {
        self.world.prometheus.set("http_request", Says::Value(99.9));
    }

    /// The commit of our branch at the remote.
    fn branch(&self) -> String {
        git(&self.world.remote(), &["rev-parse", BRANCH])
    }

    /// A file of our branch at the remote.
    fn proposed(&self, path: &str) -> String {
        git(&self.world.remote(), &["show", &format!("{BRANCH}:{path}")])
    }

    /// Requests that change something, since `before` of them.
    fn writes(&self, before: usize) -> Vec<String> {
        let requests = self.github.requests().into_iter().skip(before);
        let writes = requests.filter(|asked| asked.method != "GET");
        writes
            .map(|asked| format!("{} {}", asked.method, asked.path))
            .collect()
    }

    fn asked(&self) -> usize {
        self.github.requests().len()
    }

    /// GitHub refuses the next request like this.
    fn refuse(&self, method: &'static str, path: &'static str, status: u16, message: &str) {
        self.github.refuse(Refusal {
            method,
            path,
            status,
            headers: Vec::new(),
            body: serde_json::json!({"message": message}),
            times: 1,
        });
    }
}
