//! What the answers say together, and what to do.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::selector::Selector;
use super::{Asked, Counts, Round};
use crate::decide::Reading;
use crate::error::Result;
use crate::gateway::{Backend, MeasuredBy, Untold, untold};
use crate::report::finding::{Area, Finding, Level};
use crate::report::measured::Wanted;

/// What to do when nothing is measured.
const NOTHING: &str = "is the application scraped, and has it had traffic in the window? Try the query \
     in Prometheus, label by label";

/// What to do when the gateway has sent the primary requests, and none to the canary.
const UNREACHED: &str = "is the step applied in the cluster, do requests meet a rule that is \
     steered, and does the gateway honour weights?";

/// What to do when the metrics of a gateway do not tell the canary apart.
const ELSEWHERE: &str = "measure at the workload: spec.gitops.gateway.querySet `application`, or \
     the one of a mesh; or give the metric a query of its own";

/// Conditions of one selector that are tried by themselves.
const CONDITIONS: usize = 8;

/// A reading in words; a number with at most four decimals.
pub(super) fn shown(reading: &Reading) -> String {
    match reading.value() {
        Some(value) => {
            let text = format!("{value:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        None => reading.to_string(),
    }
}

fn finding(level: Level, found: impl Into<String>) -> Finding {
    Finding::new(Area::Metric, level, found)
}

impl Round<'_> {
    /// What is to be told about the gateway, then about each line.
    pub(super) async fn judged(&self, asked: &[Asked], counts: &Counts) -> Vec<Finding> {
        let mut findings = Vec::new();
        let by_set = asked.iter().any(|one| one.line.by_set);
        if by_set {
            findings.push(self.of_gateway());
        }
        let is_separable = self.asking.subject.gateway.set.is_some();
        let mut explained = BTreeMap::new();
        let mut has_problem = false;
        for one in asked {
            if one.line.by_set && !is_separable {
                continue;
            }
            let mut told = vec![self.of_line(one, counts)];
            let absent = self.absent(one, counts);
            if let (Some(first), Some(selector)) = (told.first_mut(), absent.first())
                && first.level >= Level::Warning
                && !explained.contains_key(*selector)
            {
                let why = self.explained(one.line.template, selector).await;
                first.advice.splice(0..0, why.clone());
                explained.insert((*selector).clone(), ());
            }
            told.extend(self.same_series(one, counts).await);
            told.extend(self.coarse(one));
            told.extend(self.beyond(one));
            // Nobody asked for what is well beside the metrics, nor for the same again.
            if one.line.wanted == Wanted::Offered {
                told.retain(|found| is_news(found) && !has_problem);
            } else {
                has_problem |= told.iter().any(|found| found.level == Level::Problem);
            }
            let about = |found: Finding| found.about(one.line.name.clone());
            findings.extend(told.into_iter().map(about));
        }
        findings
    }

    fn of_gateway(&self) -> Finding {
        let gateway = self.asking.subject.gateway;
        let chosen = super::chosen(gateway);
        let found = format!("{}; {}", chosen.gateway(), chosen.set());
        let told = match (&gateway.set, &gateway.implementation) {
            (Some(_), Some(_)) => finding(Level::Ok, found),
            (Some(_), None) => finding(Level::Ok, found)
                .advise("set spec.gitops.gateway.implementation to measure at the gateway"),
            (None, _) => {
                let implementation = gateway.implementation.as_ref();
                let reason = implementation.and_then(|one| one.not_separable.as_ref());
                let ways = reason.map(|reason| reason.instead.clone());
                let ways = ways.unwrap_or_else(|| vec![ELSEWHERE.to_owned()]);
                let told = finding(Level::Problem, found);
                ways.into_iter().fold(told, Finding::advise)
            }
        };
        told.about("gateway")
    }

    fn is_by_gateway(&self) -> bool {
        let set = self.asking.subject.gateway.set.as_ref();
        set.is_some_and(|set| set.by == MeasuredBy::Gateway)
    }

    /// The main finding about a line.
    fn of_line(&self, asked: &Asked, counts: &Counts) -> Finding {
        let line = &asked.line;
        if let Some(silent) = self.asking.silent.get(&line.template) {
            return silent.clone();
        }
        // No step stops because of what nobody asked for.
        let level = match line.wanted {
            Wanted::Offered => Level::Warning,
            Wanted::Metric | Wanted::Requests => Level::Problem,
        };
        let [canary, primary] = match &asked.answers {
            [Ok(canary), Ok(primary)] => [canary, primary],
            [Err(error), _] | [_, Err(error)] => {
                return Finding::error(Area::Metric, level, error);
            }
        };
        let query = line.query(Backend::Canary);
        let query: Vec<&str> = query.unwrap_or_default().split_whitespace().collect();
        let query = format!("the query is {}", query.join(" "));
        for (side, reading) in [("canary", canary), ("primary", primary)] {
            match reading {
                Reading::Several(_) => {
                    return finding(level, format!("{side}: {reading}"))
                        .advise("one number is judged: aggregate, with sum(…) or without a `by`")
                        .advise(query);
                }
                Reading::WrongType(_) => {
                    return finding(level, format!("{side}: {reading}")).advise(query);
                }
                Reading::Value(_) | Reading::Nan | Reading::Infinite(_) | Reading::Empty => {}
            }
        }
        let both = match line.is_same() {
            true => shown(canary),
            false => format!("canary {}, primary {}", shown(canary), shown(primary)),
        };
        match (canary.value(), primary.value()) {
            (Some(_), _) if line.is_same() && line.by_set => finding(
                Level::Problem,
                format!("{both}: the query is the same for canary and primary"),
            )
            .advise("its metrics do not tell them apart here: choose another query set")
            .advise(query),
            (Some(_), _) if line.is_same() && !query.contains("canary") => finding(
                Level::Warning,
                format!("{both}, whichever workload serves it"),
            )
            .advise(
                "the query does not name the canary: use {{ target }}, which is the canary's name",
            )
            .advise(query),
            (Some(_), _) => finding(Level::Ok, both),
            (None, Some(_)) if !self.asking.is_active => {
                finding(Level::Ok, format!("{both}: the canary has no traffic now"))
            }
            (None, Some(_)) => finding(Level::Warning, both)
                .advise("the canary is under analysis and nothing is measured of it")
                .advise(match line.by_set && self.is_by_gateway() {
                    true => UNREACHED,
                    false => NOTHING,
                })
                .advise(query),
            (None, None) => self.nothing(asked, counts, &both).advise(query),
        }
    }

    /// Neither canary nor primary gave a number.
    fn nothing(&self, asked: &Asked, counts: &Counts, both: &str) -> Finding {
        let [_, selectors] = &asked.selectors;
        let interval = &asked.line.interval;
        if !self.asking.has_primary {
            let found = format!("{both}: the primary is not committed yet, and serves nothing");
            return finding(Level::Unknown, found).advise("ask again after the first step");
        }
        let absent = self.absent(asked, counts);
        if let Some(selector) = absent.first() {
            let found = format!("{both}: the metrics are not wired, no series {selector}");
            return match asked.line.by_set && asked.line.wanted != Wanted::Offered {
                true => finding(Level::Problem, found),
                false => finding(Level::Warning, found),
            }
            .advise(match asked.line.by_set {
                true => self.switch_on(),
                false => "is it scraped, and does the query name it as it is? Some counters are \
                          there only after the first event"
                    .to_owned(),
            });
        }
        let key = |selector: &Selector| (asked.line.template, selector.clone());
        let counted = selectors
            .iter()
            .filter_map(|selector| counts.get(&key(selector)).and_then(Option::as_ref));
        let total: f64 = counted.map(|(count, _)| count).sum();
        if total > 0.0 && asked.line.by_set {
            return finding(
                Level::Warning,
                format!("{both}: idle, {total:.0} series and no request in the last {interval}"),
            )
            .advise("a release needs traffic: without it a check has no data, see onNoData")
            .advise(format!(
                "with traffic: the interval {interval} has to hold two scrapes, better four"
            ));
        }
        finding(Level::Warning, both).advise(NOTHING)
    }

    /// Selectors of the primary without a series, while neither side gave a number.
    fn absent<'s>(&self, asked: &'s Asked, counts: &Counts) -> Vec<&'s Selector> {
        let is_number = |answer: &Result<Reading>| match answer {
            Ok(reading) => reading.value().is_some(),
            Err(_) => true,
        };
        if asked.answers.iter().any(is_number) || !self.asking.has_primary {
            return Vec::new();
        }
        let [_, selectors] = &asked.selectors;
        let template = asked.line.template;
        let is_absent = |selector: &&Selector| {
            let counted = counts.get(&(template, (*selector).clone()));
            let counted = counted.and_then(Option::as_ref);
            counted.is_some_and(|(count, _)| *count <= 0.0)
        };
        selectors.iter().filter(is_absent).collect()
    }

    /// What has to be there before anything is measured.
    fn switch_on(&self) -> String {
        let gateway = self.asking.subject.gateway;
        let by = gateway.set.as_ref().map(|set| set.by);
        let implementation = gateway.implementation.as_ref();
        match (by, implementation) {
            (Some(MeasuredBy::Gateway), Some(one)) => {
                let first = one.switch_on.split("\n\n").next().unwrap_or_default();
                let first: Vec<&str> = first.split_whitespace().collect();
                let title = &one.title;
                format!("switched on for {title}? {}", first.join(" "))
            }
            _ => "let Prometheus scrape the workload, with the labels that the query asks for"
                .to_owned(),
        }
    }

    /// Why a selector matches nothing, condition by condition.
    async fn explained(&self, template: Option<usize>, selector: &Selector) -> Vec<String> {
        let of = |matchers| selector.with(matchers);
        let metric = of(Vec::new());
        let count = async |selector: Selector| {
            let query = format!("count({selector})");
            self.count(template, &query).await
        };
        let tried = selector.matchers.iter().take(CONDITIONS);
        let tried = tried.map(async |matcher| {
            let renamed = matcher.of_label(format!("exported_{}", matcher.label));
            let alone = of(vec![matcher.clone()]);
            let (own, exported) = tokio::join!(count(alone), count(of(vec![renamed.clone()])));
            (matcher, own, renamed, exported)
        });
        let (all, tried) = tokio::join!(count(metric.clone()), join_all(tried));
        match all {
            None => return Vec::new(),
            Some(all) if all <= 0.0 => {
                return vec![format!("there is no series {metric} at all")];
            }
            Some(_) => {}
        }
        let all = all.unwrap_or_default();
        let mut told = Vec::new();
        for (matcher, own, renamed, exported) in tried {
            if own.is_none_or(|own| own > 0.0) {
                continue;
            }
            match exported {
                Some(exported) if exported > 0.0 => told.push(format!(
                    "the scrape renames the label {} to {}: {exported:.0} series have \
                     {renamed}; set `honorLabels: true` for this target, or override the query set",
                    matcher.label, renamed.label
                )),
                Some(_) | None => {
                    told.push(format!("of {all:.0} series {metric} none has {matcher}"));
                }
            }
        }
        if told.is_empty() {
            told.push(format!(
                "there are {all:.0} series {metric}, and none meets all conditions at once"
            ));
        }
        told
    }

    /// Series that are counted for both: then they are not told apart.
    async fn same_series(&self, asked: &Asked, counts: &Counts) -> Option<Finding> {
        let line = &asked.line;
        if line.is_same() || !line.by_set || line.wanted == Wanted::Offered {
            return None;
        }
        let there = |selector: &Selector| {
            let counted = counts.get(&(line.template, selector.clone()));
            let counted = counted.and_then(Option::as_ref);
            counted.is_some_and(|(count, _)| *count > 0.0)
        };
        let [canary, primary] = &asked.selectors;
        let mut pairs = canary.iter().zip(primary);
        let (canary, primary) = pairs.find(|(canary, primary)| {
            canary.metric == primary.metric && canary != primary && there(canary) && there(primary)
        })?;
        let query = format!("count(({canary}) and ({primary}))");
        let same = self.count(line.template, &query).await?;
        (same > 0.0).then(|| {
            finding(
                Level::Problem,
                format!("canary and primary have {same:.0} series in common: not separable"),
            )
            .advise(format!("{canary} and {primary} match the same"))
            .advise("choose another query set, or correct the query")
        })
    }

    /// Values that do not keep their bounds: the primary's would end every release.
    fn beyond(&self, asked: &Asked) -> Option<Finding> {
        let bounds = asked.line.bounds(self.asking)?;
        let beyond = |reading: &Result<Reading>| {
            let value = reading.as_ref().ok()?.value()?;
            let low = bounds.min.filter(|min| value < *min);
            let high = bounds.max.filter(|max| value > *max);
            let bound = low.map(|min| format!("min {min}"));
            let bound = bound.or_else(|| high.map(|max| format!("max {max}")))?;
            Some(format!("{} ({bound})", shown(&Reading::Value(value))))
        };
        let [canary, primary] = &asked.answers;
        if let Some(value) = beyond(primary).filter(|_| !asked.line.is_same()) {
            let found = format!("the primary itself is beyond the bounds now: {value}");
            let advice = "a release that is as good as the primary would be rolled back: is the \
                          primary well, and are the bounds what it can keep?";
            return Some(finding(Level::Warning, found).advise(advice));
        }
        let value = beyond(canary)?;
        let found = format!("beyond the bounds now: {value}");
        Some(finding(Level::Warning, found).advise("a check with this value fails"))
    }

    /// A maximum that the histogram cannot tell.
    fn coarse(&self, asked: &Asked) -> Option<Finding> {
        let buckets = asked.buckets.as_ref()?;
        let most = asked.line.bounds(self.asking)?.max?;
        Some(match untold(buckets, most)? {
            Untold::Above { highest } => finding(
                Level::Warning,
                format!(
                    "the maximum {most} can never be exceeded: the highest bucket ends at \
                     {highest} ms, and what is slower counts as {highest} ms"
                ),
            )
            .advise("configure a higher bucket, or set a lower maximum"),
            Untold::Inside { lower, upper } => finding(
                Level::Warning,
                format!(
                    "the maximum {most} is inside of the bucket from {lower} to {upper} ms: the \
                     value is a guess in between"
                ),
            )
            .advise(match lower > 0.0 {
                true => {
                    format!("set the maximum to {upper} or {lower}, or configure buckets around it")
                }
                false => format!("set the maximum to {upper}, or configure buckets around it"),
            }),
        })
    }
}

/// Is it worth to be told of what nobody asked for? That nothing is measured is told
/// where it was asked for.
fn is_news(found: &Finding) -> bool {
    found.level >= Level::Warning && !found.found.contains("no series")
}
