//! Questions to the world and their answers, not yet judged.

pub mod metrics;
mod readiness;
mod reading;

pub use readiness::{Readiness, readiness};
pub use reading::Reading;
