//! What people and machines read: text, GitHub annotations, JSON.

pub mod chart;
pub mod diagnostics;
pub mod github;
pub mod history;
pub mod markdown;
pub mod message;
mod outcome;
mod summary;
#[cfg(test)]
mod testing;
pub mod text;

pub use chart::Point;
pub use outcome::{Outcome, Run, VERSION};
pub use summary::summary;
