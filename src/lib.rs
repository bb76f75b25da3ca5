//! Weirkeeper: progressive delivery for the Kubernetes Gateway API from Git.

pub mod api;
pub mod cli;
pub mod decide;
pub mod diagnostic;
pub mod error;
pub mod http;
pub mod observe;
pub mod render;
pub mod repo;
pub mod report;
pub mod settings;
pub mod template;
pub mod tick;
pub mod yaml;
