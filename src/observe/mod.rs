//! Questions to the world and their answers, not yet judged.

mod applied;
mod clients;
mod evidence;
mod metric;
pub mod metrics;
mod observer;
mod reach;
mod readiness;
mod series;

pub use applied::{Revisions, commit_of};
pub use observer::{Observer, Subject};
pub use reach::{Reached, Server};
pub use readiness::{Measured, Pods, readiness};
pub use series::Found;

#[cfg(test)]
mod tests;
