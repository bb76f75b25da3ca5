//! What a GitHub workflow gets beside the job summary: annotations and outputs.

mod annotations;
mod outputs;

pub use annotations::{annotations, findings};
pub use outputs::outputs;
