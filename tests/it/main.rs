//! The integration tests, in one binary.

#[cfg(test)]
mod git_over_http;
#[cfg(test)]
mod support;
