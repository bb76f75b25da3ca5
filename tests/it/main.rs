//! The integration tests, in one binary.

#[cfg(test)]
mod action;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod git_over_http;
#[cfg(test)]
mod promotion;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod support;
