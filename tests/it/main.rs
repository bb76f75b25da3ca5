//! The integration tests, in one binary.

#[cfg(test)]
mod action;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod branch_rules;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod comment;
mod commit_api;
#[cfg(test)]
mod deleted;
#[cfg(test)]
mod demo;
mod deployments;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod fail_on;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod git_over_http;
#[cfg(test)]
mod github_contract;
#[cfg(test)]
mod history;
#[cfg(test)]
mod in_place;
#[cfg(test)]
mod init;
#[cfg(test)]
mod late;
#[cfg(test)]
mod people;
#[cfg(test)]
mod preview;
#[cfg(test)]
mod promotion;
#[cfg(test)]
mod pull_requests;
#[cfg(test)]
mod race;
#[cfg(test)]
mod repos;
#[cfg(test)]
mod rescue;
#[cfg(test)]
mod revert;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod rough;
#[cfg(test)]
mod safety;
#[cfg(test)]
mod set_weights;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod strategies;
#[cfg(test)]
mod summary;
#[cfg(test)]
mod support;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod workflow;
