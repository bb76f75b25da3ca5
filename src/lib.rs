//! Weirkeeper: progressive delivery for the Kubernetes Gateway API from Git.

pub mod api;
pub mod decide;
pub mod diagnostic;
pub mod error;
pub mod render;
pub mod repo;
pub mod yaml;
pub mod http;
pub mod observe;
pub mod template;
pub mod report;
