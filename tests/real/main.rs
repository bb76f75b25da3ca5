//! Tests with real parts: Prometheus, Envoy, Git over HTTP, a runner of workflows, the
//! linters of workflows, kubectl. `.ci/tools` installs them, `.ci/run` runs these tests:
//!
//! ```text
//! PATH=$(.ci/tools | paste -s -d :):$PATH cargo test --test real -- --ignored
//! ```
//!
//! A part that is missing fails its tests. Servers listen on 127.0.0.1 and end
//! with the test that started them.

#[cfg(test)]
mod envoy;
#[cfg(test)]
mod exporter;
#[cfg(test)]
mod github;
#[cfg(test)]
mod gitops;
#[cfg(test)]
mod kustomize;
#[cfg(test)]
mod kustomize_history;
#[cfg(test)]
mod linters;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod prometheus;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod remotes;
#[cfg(test)]
mod rollout;
#[cfg(test)]
mod support;
#[cfg(test)]
mod workflow;
