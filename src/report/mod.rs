//! What people and machines read: text, GitHub annotations, JSON.

pub mod diagnostics;
pub mod github;
pub mod history;
pub mod markdown;
pub mod message;
mod outcome;
pub mod preview;
pub mod text;
mod watched;

pub use outcome::{Outcome, Proposal, Run, VERSION};
pub use watched::{Ended, News, Watched};
