//! Step arithmetic.

use crate::api::{Analysis, Traffic};

/// The canary weight after one step from `current`
/// (Flagger: `scheduler.go`, `nextStepWeight`). A ladder goes on with its
/// first rung above the current weight, so that a weight set by hand does not
/// jump to 100; the result is always above `current` unless that is 100.
///
/// ```
/// use weirkeeper::api::Analysis;
/// use weirkeeper::decide::next_canary_weight;
///
/// let ladder = Analysis { step_weights: Some(vec![1, 10, 80]), ..Analysis::default() };
/// assert_eq!(next_canary_weight(&ladder, 0), 1);
/// assert_eq!(next_canary_weight(&ladder, 15), 80);
/// let linear = Analysis { step_weight: Some(30), ..Analysis::default() };
/// assert_eq!(next_canary_weight(&linear, 90), 100);
/// ```
#[must_use]
pub fn next_canary_weight(analysis: &Analysis, current: i64) -> i64 {
    let current = current.clamp(0, 100);
    let step = analysis.step_weight.unwrap_or(0);
    let next = match analysis.ladder() {
        ladder if step <= 0 && !ladder.is_empty() => ladder
            .iter()
            .copied()
            .find(|rung| *rung > current)
            .unwrap_or(100),
        _ => current.saturating_add(step.max(1)),
    };
    next.clamp((current + 1).min(100), 100)
}

/// The traffic after one step back to the promoted primary: everything at once
/// when `stepWeightPromotion` is 0 (Flagger: `runPromotionTrafficShift`).
#[must_use]
pub fn after_promotion_step(analysis: &Analysis, current: Traffic) -> Traffic {
    match analysis.step_weight_promotion.unwrap_or(0) {
        step if step > 0 => Traffic::canary(current.percent().saturating_sub(step)),
        _ => Traffic::PRIMARY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The weights reached until the promotion.
    fn reached(analysis: &Analysis) -> Vec<i64> {
        let mut weights = vec![0];
        while weights[weights.len() - 1] < analysis.max_weight() {
            weights.push(next_canary_weight(analysis, weights[weights.len() - 1]));
        }
        weights.remove(0);
        weights
    }

    fn linear(step: i64, max: Option<i64>) -> Analysis {
        Analysis {
            step_weight: Some(step),
            max_weight: max,
            ..Analysis::default()
        }
    }

    fn ladder(rungs: &[i64]) -> Analysis {
        Analysis {
            step_weights: Some(rungs.to_vec()),
            ..Analysis::default()
        }
    }

    #[test]
    fn the_maximum_stops_but_does_not_cut() {
        assert_eq!(reached(&linear(10, Some(50))), [10, 20, 30, 40, 50]);
        assert_eq!(reached(&linear(20, Some(50))), [20, 40, 60]);
        assert_eq!(reached(&linear(30, None)), [30, 60, 90, 100]);
    }

    #[test]
    fn the_last_rung_is_the_maximum() {
        assert_eq!(reached(&ladder(&[1, 2, 10, 80])), [1, 2, 10, 80]);
        assert_eq!(reached(&ladder(&[10, 60, 150])), [10, 60, 100]);
    }

    #[test]
    fn traffic_returns_in_steps_that_end() {
        let analysis = Analysis {
            step_weight_promotion: Some(30),
            ..Analysis::default()
        };
        let mut traffic = Traffic::canary(50);
        let mut seen = Vec::new();
        while traffic != Traffic::PRIMARY {
            traffic = after_promotion_step(&analysis, traffic);
            seen.push(traffic.canary);
        }
        assert_eq!(seen, [20, 0]);
        assert_eq!(
            after_promotion_step(&Analysis::default(), Traffic::canary(50)),
            Traffic::PRIMARY
        );
    }
}
