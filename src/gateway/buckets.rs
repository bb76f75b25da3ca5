//! What the buckets of a histogram cannot tell of a percentile.

/// Why a percentile cannot be compared with a maximum, in the unit of the bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Untold {
    /// No value lies above the highest finite bound, so that none exceeds the maximum.
    Above {
        /// The highest finite bound.
        highest: f64,
    },
    /// The maximum lies inside of a bucket that is wider than the maximum itself.
    Inside {
        /// The lower bound of the bucket; 0 for the first one.
        lower: f64,
        /// Its upper bound.
        upper: f64,
    },
}

/// What is wrong with a maximum, given the finite upper bounds in ascending order. A
/// maximum that is a bound is told exactly, but for the highest one: what is above it
/// counts as the bound itself.
#[must_use]
pub fn untold(bounds: &[f64], max: f64) -> Option<Untold> {
    let highest = *bounds.last()?;
    if max >= highest {
        return Some(Untold::Above { highest });
    }
    let above = bounds.iter().position(|bound| *bound >= max)?;
    let upper = bounds[above];
    let lower = above.checked_sub(1).map_or(0.0, |below| bounds[below]);
    let is_wide = max < upper && upper - lower > max;
    is_wide.then_some(Untold::Inside { lower, upper })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_exact_but_for_the_highest() {
        let bounds = [100.0, 500.0, 1000.0];
        let inside = |lower, upper| Some(Untold::Inside { lower, upper });
        let above = Some(Untold::Above { highest: 1000.0 });
        assert_eq!(untold(&bounds, 50.0), inside(0.0, 100.0));
        assert_eq!(untold(&bounds, 100.0), None);
        assert_eq!(untold(&bounds, 300.0), inside(100.0, 500.0));
        assert_eq!(untold(&bounds, 500.0), None);
        // The bucket is narrower than the maximum: near enough.
        assert_eq!(untold(&bounds, 600.0), None);
        assert_eq!(untold(&bounds, 999.0), None);
        assert_eq!(untold(&bounds, 1000.0), above);
        assert_eq!(untold(&bounds, 2000.0), above);
        assert_eq!(untold(&[], 1.0), None);
    }
}
