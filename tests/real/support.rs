//! What these tests share with the integration tests.

#[path = "../it/support/files.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
pub(crate) mod files;
#[path = "../it/support/git_http.rs"]
pub(crate) mod git_http;
#[allow(dead_code, reason = "shared with tests that use more of it")]
#[path = "../it/support/github/mod.rs"]
pub(crate) mod github;
#[allow(dead_code, reason = "shared with tests that use more of it")]
#[path = "../it/support/gitops.rs"]
pub(crate) mod gitops;
#[allow(dead_code, reason = "shared with tests that use more of it")]
#[path = "../it/support/judge.rs"]
pub(crate) mod judge;
#[allow(dead_code, reason = "shared with tests that use more of it")]
#[path = "../it/support/program.rs"]
pub(crate) mod program;
#[allow(dead_code, reason = "shared with tests that use more of it")]
#[path = "../it/support/prometheus.rs"]
pub(crate) mod prometheus;
#[allow(dead_code, reason = "shared with tests that use more of it")]
#[path = "../it/support/walk.rs"]
pub(crate) mod walk;
#[allow(dead_code, reason = "shared with the unit tests, which use more of it")]
#[path = "../../src/repo/testing.rs"]
pub(crate) mod world;
