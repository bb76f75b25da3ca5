//! The GitOps repository.

pub mod retry;
pub mod trailers;
