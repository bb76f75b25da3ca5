//! What an instant query found.

use std::fmt;

/// What an instant query found, not yet judged.
///
/// Prometheus answers 200 to all of these; only [`Reading::Value`] is a number
/// a check can be judged by.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// One finite number.
    Value(f64),
    /// One sample that is not a number, as `0 / 0`: the series exist, there was
    /// no traffic.
    Nan,
    /// One infinite sample, with its sign.
    Infinite(f64),
    /// No series: no traffic yet, or the query looks for the wrong thing.
    Empty,
    /// Several series, by their labels: `{code="200"}`.
    Several(Vec<String>),
    /// Something that is not a sample; says what.
    WrongType(String),
}

impl Reading {
    /// The reading of one sample.
    #[must_use]
    pub fn of(sample: f64) -> Self {
        match sample {
            sample if sample.is_nan() => Self::Nan,
            sample if sample.is_infinite() => Self::Infinite(sample),
            sample => Self::Value(sample),
        }
    }

    /// The number, if there is exactly one and it is finite.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Nan | Self::Infinite(_) | Self::Empty | Self::Several(_) | Self::WrongType(_) => {
                None
            }
        }
    }
}

/// Series named by the text of [`Reading::Several`].
const NAMED: usize = 3;

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::Nan => f.write_str("not a number"),
            Self::Infinite(value) if *value < 0.0 => f.write_str("-Inf"),
            Self::Infinite(_) => f.write_str("+Inf"),
            Self::Empty => f.write_str("no series"),
            Self::WrongType(what) => write!(f, "{what} instead of a number"),
            Self::Several(series) => {
                let named = &series[..series.len().min(NAMED)];
                write!(f, "{} series: {}", series.len(), named.join(", "))?;
                match series.len() > NAMED {
                    true => f.write_str(", …"),
                    false => Ok(()),
                }
            }
        }
    }
}
