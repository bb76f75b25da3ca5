//! Which outcomes make the exit code of a command say that it failed.

use std::ffi::OsStr;
use std::marker::PhantomData;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command, Error, ValueEnum};

/// The variable that stands in for `--fail-on`, of every command that has it.
const VARIABLE: &str = "WEIRKEEPER_FAIL_ON";

/// `--fail-on` of commands that take steps.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct FailOnSteps {
    /// What the exit code counts as a failure
    #[arg(
        long,
        value_name = "WHAT",
        env = VARIABLE,
        default_value = "error",
        value_parser = or_default::<FailedStep>()
    )]
    pub fail_on: FailedStep,
}

/// `--fail-on` of commands that judge documents.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct FailOnFindings {
    /// What the exit code counts as a failure
    #[arg(
        long,
        value_name = "WHAT",
        env = VARIABLE,
        default_value = "error",
        value_parser = or_default::<FailedFinding>()
    )]
    pub fail_on: FailedFinding,
}

/// What counts as a failure of a run of steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum FailedStep {
    /// An error
    #[default]
    Error,
    /// An error, or a rollout that was rolled back or halted: exit code 6
    Rollback,
    /// Nothing but a wrong command line; errors are shown all the same
    None,
}

/// What counts as a failure of documents that are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum FailedFinding {
    /// An error
    #[default]
    Error,
    /// An error or a warning: exit code 3
    Warning,
    /// Nothing but a wrong command line; findings are shown all the same
    None,
}

/// Reads one of the values of `T`; nothing is the default, as in a variable that a
/// workflow sets from an input that nobody gave.
fn or_default<T: ValueEnum + Default + Send + Sync + 'static>() -> OrDefault<T> {
    OrDefault(PhantomData)
}

#[derive(Debug, Clone)]
struct OrDefault<T>(PhantomData<T>);

impl<T: ValueEnum + Default + Clone + Send + Sync + 'static> TypedValueParser for OrDefault<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, Error> {
        match value.is_empty() {
            true => Ok(T::default()),
            false => EnumValueParser::<T>::new().parse_ref(command, arg, value),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values = T::value_variants().iter();
        Some(Box::new(values.filter_map(T::to_possible_value)))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Steps {
        #[command(flatten)]
        given: FailOnSteps,
    }

    #[test]
    fn nothing_is_the_default() {
        let parse = |value: &str| Steps::try_parse_from(["step", &format!("--fail-on={value}")]);
        for (value, expected) in [
            ("", FailedStep::Error),
            ("error", FailedStep::Error),
            ("rollback", FailedStep::Rollback),
            ("none", FailedStep::None),
        ] {
            assert_eq!(parse(value).unwrap().given.fail_on, expected, "{value}");
        }
        let refused = parse("warning").err().unwrap().to_string();
        assert!(refused.contains("[possible values: error, rollback, none]"));
    }
}
