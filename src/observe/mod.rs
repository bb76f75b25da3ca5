//! Questions to the world and their answers, not yet judged.

pub mod metrics;
mod observer;
mod readiness;

pub use observer::{Observer, Subject};
pub use readiness::{Measured, readiness};

#[cfg(test)]
mod tests;
