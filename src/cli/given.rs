//! A word of a list, or nothing: a workflow sets variables from inputs that
//! nobody gave, and clap's own parser refuses them.

use std::ffi::OsStr;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error, ValueEnum};

/// A word of a list, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given<T>(Option<T>);

impl<T: Copy> Given<T> {
    /// What was given by an option that may be missing or empty.
    #[must_use]
    pub fn of(option: Option<Self>) -> Option<T> {
        option.and_then(|given| given.0)
    }
}

/// Reads one of the words of `T`, or nothing.
pub(super) fn given<T>() -> impl TypedValueParser<Value = Given<T>>
where
    T: ValueEnum + Clone + Send + Sync + 'static,
{
    Parser(EnumValueParser::<T>::new())
}

#[derive(Clone)]
struct Parser<T: ValueEnum + Clone + Send + Sync + 'static>(EnumValueParser<T>);

impl<T: ValueEnum + Clone + Send + Sync + 'static> TypedValueParser for Parser<T> {
    type Value = Given<T>;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Given<T>, Error> {
        match value.is_empty() {
            true => Ok(Given(None)),
            false => {
                let word = self.0.parse_ref(command, argument, value)?;
                Ok(Given(Some(word)))
            }
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
    }
}
