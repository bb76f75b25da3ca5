//! Which Canary of one side is which of the other.

use std::collections::BTreeMap;

use crate::lint::{Judged, Linted};

/// A Canary before and after; at least one of the two is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) base: Option<&'a Judged<'a>>,
    pub(super) head: Option<&'a Judged<'a>>,
}

impl Pair<'_> {
    /// Namespace and name.
    pub(super) fn id(&self) -> String {
        let judged = self.head.or(self.base);
        judged.map_or_else(String::new, |judged| judged.manifest.id())
    }

    fn path(&self) -> &str {
        let judged = self.head.or(self.base);
        judged.map_or("", |judged| judged.manifest.path())
    }
}

/// Pairs by name; where several are called the same, such as one for each cluster, by
/// path. What is left over is new or gone. In the order of paths.
pub(super) fn pairs<'a>(base: &'a Linted<'a>, head: &'a Linted<'a>) -> Vec<Pair<'a>> {
    type Group<'a> = [Vec<&'a Judged<'a>>; 2];
    let mut groups: BTreeMap<String, Group<'a>> = BTreeMap::new();
    for (side, linted) in [base, head].into_iter().enumerate() {
        for judged in &linted.canaries {
            groups.entry(judged.manifest.id()).or_default()[side].push(judged);
        }
    }
    let mut pairs = Vec::new();
    for [mut base, head] in groups.into_values() {
        let alone = base.len() == 1 && head.len() == 1;
        for judged in head {
            let path = judged.manifest.path();
            let same = base
                .iter()
                .position(|one| alone || one.manifest.path() == path);
            pairs.push(Pair {
                base: same.map(|same| base.remove(same)),
                head: Some(judged),
            });
        }
        pairs.extend(base.into_iter().map(|judged| Pair {
            base: Some(judged),
            head: None,
        }));
    }
    pairs.sort_by(|one, other| one.path().cmp(other.path()));
    pairs
}
