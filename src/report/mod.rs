//! What people and machines read: text, GitHub annotations, JSON.

pub mod diagnostics;
pub mod github;
pub mod history;
pub mod markdown;
pub mod message;
mod outcome;
pub mod preview;
pub mod text;

pub use outcome::{Outcome, Run, VERSION};
