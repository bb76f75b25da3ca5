//! An example repository on its way: bootstrap, a release that is promoted, one that is rolled back.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::gitops::{World, fixtures};
use super::program::Ran;
use super::prometheus::Says;
use super::world::write;

/// Text by path.
pub(crate) type Files = BTreeMap<String, String>;

/// How somebody releases in an example repository: `<name>.release.yaml` beside it. Without the file,
/// every image of 6.0.0 becomes one of 6.1.0, then one of 6.2.0.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Table {
    /// Every check passes.
    pub(crate) promotion: Edits,
    /// No check passes.
    pub(crate) rollback: Edits,
    /// What the metrics are when no check passes. Default 90.
    pub(crate) bad: Option<f64>,
    /// Beginnings of paths that nobody may touch.
    pub(crate) others: Vec<String>,
    /// Parts of lines that a promotion writes where they stand.
    pub(crate) edited: Vec<String>,
    /// Kustomizations that nobody can build.
    pub(crate) unbuildable: Vec<String>,
}

/// A commit of a person.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Edits(Vec<Edit>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    /// Every file, when there is none.
    file: Option<String>,
    from: String,
    to: String,
}

impl Table {
    fn of(name: &str) -> Self {
        let path = fixtures().join(format!("{name}.release.yaml"));
        if path.exists() {
            let text = fs_err::read_to_string(path).unwrap();
            return serde_yaml::from_str(&text).unwrap();
        }
        let image = |from: &str, to: &str| {
            let [from, to] = [from, to].map(str::to_owned);
            let file = None;
            Edits(vec![Edit { file, from, to }])
        };
        Self {
            promotion: image(":6.0.0", ":6.1.0"),
            rollback: image(":6.1.0", ":6.2.0"),
            ..Self::default()
        }
    }

    /// Does nothing at `path` belong to the release?
    pub(crate) fn is_others(&self, path: &str) -> bool {
        self.others.iter().any(|others| path.starts_with(others))
    }
}

impl Edits {
    /// The text of a file afterwards.
    pub(crate) fn apply(&self, path: &str, text: &str) -> String {
        let mut text = text.to_owned();
        for edit in &self.0 {
            // What is generated belongs to the program, also what it adds further down.
            match &edit.file {
                Some(file) if file == path => text = text.replacen(&edit.from, &edit.to, 1),
                None if !path.contains("-primary-") => text = text.replace(&edit.from, &edit.to),
                Some(_) | None => {}
            }
        }
        text
    }

    fn commit(&self, world: &World, message: &str) {
        world.pull();
        let mut changed = 0;
        for (path, before) in &world.files() {
            let after = self.apply(path, before);
            if &after != before {
                write(&world.person(), path, &after);
                changed += 1;
            }
        }
        assert!(changed > 0, "nothing to release: {self:?}");
        world.push(message);
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) name: String,
    pub(crate) world: World,
    pub(crate) table: Table,
    pub(crate) original: Files,
}

impl Walk {
    pub(crate) fn new(name: &str) -> Self {
        let world = World::of(name);
        world.prometheus.set("kube_daemonset", Says::Value(1.0));
        Self {
            name: name.to_owned(),
            table: Table::of(name),
            original: world.files(),
            world,
        }
    }

    /// Somebody releases what every check passes for.
    pub(crate) fn promote(&self) {
        self.table.promotion.commit(&self.world, "release 6.1.0");
    }

    /// Somebody releases what no check passes for.
    pub(crate) fn fail(&self) {
        let bad = self.table.bad.unwrap_or(90.0);
        self.world.prometheus.set("http_request", Says::Value(bad));
        self.table.rollback.commit(&self.world, "release 6.2.0");
    }

    /// Steps until nothing is under way and nothing changes any more; shows each step with the tip
    /// before it.
    pub(crate) fn until_idle(&self, mut look: impl FnMut(&World, &str, &Ran)) {
        for _ in 0..30 {
            let before = self.world.tip();
            let ran = self.world.next().exits(0);
            look(&self.world, &before, &ran);
            let results = ran.json()["results"].clone();
            let results = results.as_array().unwrap();
            let quiet = results.iter().all(|result| result["commit"].is_null());
            if quiet && results.iter().all(|result| result["action"] == "idle") {
                assert_eq!(self.world.tip(), before);
                return;
            }
        }
        panic!("it does not end: {}", self.world.log(10, "%s"));
    }
}

/// The names of the example repositories.
pub(crate) fn repositories() -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    names.sort();
    names
}
