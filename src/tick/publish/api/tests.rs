//! What the API cannot write.
