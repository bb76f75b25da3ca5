//! What people and machines read: text, GitHub annotations, JSON.

pub mod chart;
pub mod diagnostics;
pub mod finding;
pub mod github;
pub mod history;
pub mod markdown;
pub mod measured;
pub mod message;
mod outcome;
pub mod preview;
mod summary;
#[cfg(test)]
mod testing;
pub mod text;
mod watched;

pub use chart::Point;
pub use outcome::{Outcome, Proposal, Run, VERSION};
pub use summary::summary;
pub use watched::{Ended, News, Watched};
