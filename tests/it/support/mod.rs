//! Servers and repositories for the tests.

use std::path::PathBuf;

pub(crate) mod dice;
pub(crate) mod files;
pub(crate) mod git_http;
pub(crate) mod github;
pub(crate) mod gitops;
pub(crate) mod hooks;
pub(crate) mod judge;
pub(crate) mod program;
pub(crate) mod prometheus;
pub(crate) mod proxy;
pub(crate) mod walk;
#[allow(dead_code, reason = "shared with the unit tests, which use more of it")]
#[path = "../../../src/repo/testing.rs"]
pub(crate) mod world;

/// Compares exit code, standard output and standard error with a snapshot in which folders, ports and
/// commits have names.
macro_rules! assert_ran {
    ($world:expr, $ran:expr, @$expected:literal) => {{
        let mut settings = insta::Settings::clone_current();
        for (what, name) in $world.filters() {
            settings.add_filter(&what, name);
        }
        settings.bind(|| insta::assert_snapshot!($ran.to_string(), @$expected));
    }};
}
pub(crate) use assert_ran;

/// A folder of the corpus, if there is one on this machine.
pub(crate) fn corpus(folder: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "tests read where the corpus is")]
    let found = std::env::var_os("WEIRKEEPER_CORPUS");
    if found.is_none() {
        println!("skipped: WEIRKEEPER_CORPUS is not set");
    }
    found.map(|corpus| PathBuf::from(corpus).join(folder))
}
