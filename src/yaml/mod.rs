//! YAML documents whose values know their bytes, and edits that leave every
//! other byte alone.
//!
//! A [`Stream`] is one file. Reading goes by `yaml-rust2`'s events, checked one
//! by one against the text; an edit splices the text, reads it again, and is
//! only kept if the documents then differ in exactly what was asked for. Comments,
//! quotes, indentation, flow style, line ends, byte order mark and anchors stay.
//!
//! ```
//! use weirkeeper::yaml::{Limits, Stream};
//!
//! let mut stream = Stream::parse("weight: 100  # percent\n", &Limits::default())?;
//! stream.set_scalar(0, &"weight".parse()?, &90.into())?;
//! assert_eq!(stream.text(), "weight: 90  # percent\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod edit;
mod emit;
mod error;
mod lex;
mod node;
mod read;
mod resolve;
mod stream;
#[cfg(test)]
mod tests;
mod value;
mod verify;

#[cfg(test)]
pub(crate) use tests::by_hand;

pub use emit::to_text;
pub use error::{EditError, YamlError};
pub use node::{CollectionStyle, Document, Entry, Item, Kind, Node, NodeId, Property, ScalarStyle};
pub use resolve::Scalar;
pub use stream::{Limits, Stream};
