//! What people and machines read: text, GitHub annotations, JSON.

pub mod diagnostics;
