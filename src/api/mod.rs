//! What people write.

mod field;

pub use field::{FieldPath, InvalidFieldPath, Segment};
