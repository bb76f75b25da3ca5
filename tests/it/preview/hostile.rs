//! Pull requests that try to make the preview misbehave.
