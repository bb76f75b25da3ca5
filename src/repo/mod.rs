//! The GitOps repository: what a commit holds, how a new one is made, how it travels.
//!
//! Two tools share the work, each for what it does reliably:
//!
//! - **libgit2 reads and writes objects.** [`files`] lists and searches a commit, [`commit`](git::Repository::commit)
//!   builds the next one. Neither touches index or work tree, so dirty, sparse, shallow, bare and
//!   detached checkouts all work. libgit2 is given the object folder only, never the repository: it
//!   refuses some repositories that Git itself is happy with.
//! - **The `git` executable does all else**: finding the repository, references, fetch, push, the
//!   work tree. It honours the checkout's credentials, proxies, SSH settings and partial clones.
//!
//! [`git::Repository`] is the way in.

pub mod ancestry;
pub mod branch;
pub mod changes;
mod clean;
mod commit;
mod fetch;
pub mod files;
mod freeze;
pub mod generated;
pub mod git;
pub mod history;
pub mod inventory;
pub(crate) mod kustomize;
pub mod link;
mod listing;
pub mod local;
pub mod manifest;
mod objects;
mod options;
mod process;
pub mod push;
pub mod retry;
pub mod rollout;
mod sign;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod trailers;
mod transport;

pub use commit::{Commits, Signature};
pub use options::GitOptions;
pub use sign::Signer;
