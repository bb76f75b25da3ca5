//! Weirkeeper: progressive delivery for the Kubernetes Gateway API from Git.
//!
//! Each run reads the rollouts of a GitOps repository, asks Prometheus how the
//! new versions do, decides one step for each, and commits the changed route,
//! workloads and state. Git is the only database.
//!
//! The way through a run is [`tick()`]; the parts it goes through:
//!
//! | module | what it does |
//! |---|---|
//! | [`api`] | what people write: Canary, MetricTemplate, AlertProvider; defaults, validation |
//! | [`yaml`] | documents with byte spans, and edits that prove themselves |
//! | [`repo`] | the repository: index of objects, commits, fetch and push |
//! | [`decide`] | the pure core: facts and answers in, questions or a plan out |
//! | [`gateway`] | whose metrics tell the canary apart, what each implementation can do: data |
//! | [`observe`] | asks Prometheus and the gates what the decision wants to know |
//! | [`github`] | GitHub's API: statuses of commits, pull requests, comments, deployments |
//! | [`comment`] | commands that people write in comments |
//! | [`render`] | from a plan to edits of manifests |
//! | [`notify`] | tells hooks and alert providers what happened, after the push |
//! | [`report`] | the outcome as text, JSON, annotations and summary |
//! | [`doctor`] | finds out what keeps rollouts from going on |
//! | [`commands`] | one file per command |
//!
//! `preview` carries out in memory what a pull request would lead to, `lint` judges
//! documents, `measured` finds out what the metrics of a Canary say and what they lack. [`webhook`] is how gates and hooks are called, [`http`] the one client below it.
//! [`cli`] is what can be typed, [`settings`] what it means, [`error`] what can
//! go wrong. Only `main.rs` reads the clock and the environment.

pub mod api;
pub mod cli;
pub mod commands;
pub mod comment;
pub mod decide;
pub mod diagnostic;
pub mod doctor;
pub mod error;
pub mod gateway;
pub mod github;
pub mod http;
mod lint;
mod measured;
pub mod notify;
pub mod observe;
mod preview;
pub mod render;
pub mod repo;
pub mod report;
pub mod settings;
pub mod template;
mod tick;
pub mod webhook;
pub mod yaml;

pub use tick::{
    Choice, Deployments, Merge, PullRequests, SaidIn, Saying, Shard, Stepping, Via, Wait, World,
    say, select, tell_story, tick,
};
