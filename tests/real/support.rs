//! What these tests share with the integration tests.

#[path = "../it/support/git_http.rs"]
pub(crate) mod git_http;
#[allow(dead_code, reason = "shared with the unit tests, which use more of it")]
#[path = "../../src/repo/testing.rs"]
pub(crate) mod world;
