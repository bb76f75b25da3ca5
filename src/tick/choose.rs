//! Which Canaries a run is about.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::repo::inventory::Inventory;
use crate::repo::manifest::Manifest;

/// Which Canaries a run is about.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Names as `namespace/name`; empty means all.
    pub only: Vec<String>,
    /// The part of them that is this job's; `None` means all.
    pub shard: Option<Shard>,
}

impl Choice {
    /// The Canaries that are chosen, by path. One that was deleted may be named,
    /// while something of it is left.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) for a name that none has.
    pub fn of<'a>(&self, inventory: &'a Inventory) -> Result<Vec<&'a Manifest>> {
        let mut only = self.only.clone();
        only.retain(|name| !name.trim().is_empty());
        let is_named = !only.is_empty();
        if is_named {
            let gone = inventory.gone()?;
            only.retain(|name| !gone.iter().any(|owner| owner.canary == name.trim()));
        }
        let mut chosen = match is_named && only.is_empty() {
            true => Vec::new(),
            false => select(inventory, &only)?,
        };
        if let Some(shard) = self.shard {
            chosen.retain(|canary| shard.has(&canary.id()));
        }
        Ok(chosen)
    }

    /// Is the Canary `id`, `namespace/name`, one of them?
    #[must_use]
    pub fn takes(&self, id: &str) -> bool {
        let mut named = self.only.iter().map(|name| name.trim());
        let named = named.all(str::is_empty) || self.only.iter().any(|name| name.trim() == id);
        named && self.shard.is_none_or(|shard| shard.has(id))
    }
}

/// One part of the Canaries, so that the jobs of a matrix share them. Which part
/// a Canary is in depends on its name alone: others that come or go change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `count`.
    number: u64,
    count: u64,
}

impl Shard {
    /// Is the Canary `id`, `namespace/name`, in this part?
    ///
    /// ```
    /// use weirkeeper::Shard;
    ///
    /// let parts: Vec<Shard> = ["1/3", "2/3", "3/3"].iter().map(|text| text.parse().unwrap()).collect();
    /// let found = parts.iter().filter(|part| part.has("shop/podinfo"));
    /// assert_eq!(found.count(), 1);
    /// ```
    #[must_use]
    pub fn has(self, id: &str) -> bool {
        let hash = Sha256::digest(id.as_bytes());
        let hash = hash
            .iter()
            .take(8)
            .fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        hash % self.count == self.number - 1
    }
}

/// Reads `I/N`.
impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        text.split_once('/')
            .and_then(|(part, count)| Some((number(part)?, number(count)?)))
            .filter(|(part, count)| (1..=*count).contains(part))
            .map(|(number, count)| Self { number, count })
            .ok_or_else(|| "write I/N with I from 1 to N, such as 2/4".to_owned())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

/// The Canaries that `only` names.
///
/// # Errors
/// [`Kind::Usage`](crate::error::Kind::Usage) for a name that none has.
pub fn select<'a>(inventory: &'a Inventory, only: &[String]) -> Result<Vec<&'a Manifest>> {
    let wanted: Vec<&str> = only
        .iter()
        .map(|name| name.trim())
        .filter(|name| !name.is_empty())
        .collect();
    for name in &wanted {
        if !inventory
            .canaries()
            .iter()
            .any(|canary| canary.id() == **name)
        {
            let known: Vec<String> = inventory.canaries().iter().map(Manifest::id).collect();
            let error = Error::usage(format!("there is no Canary {name}"));
            return Err(match known.is_empty() {
                true => error,
                false => error.hint(format!("there are: {}", known.join(", "))),
            });
        }
    }
    let chosen = |canary: &&Manifest| wanted.is_empty() || wanted.contains(&canary.id().as_str());
    Ok(inventory.canaries().iter().filter(chosen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_canary_is_in_one_part_whatever_the_machine() {
        let ids: Vec<String> = (0..1000)
            .map(|number| format!("shop/app-{number}"))
            .collect();
        let mut sizes = Vec::new();
        for part in 1..=4 {
            let shard: Shard = format!("{part}/4").parse().unwrap();
            sizes.push(ids.iter().filter(|id| shard.has(id)).count());
        }
        // Fixed: two versions of the program must not both take a step.
        assert_eq!(sizes, [221, 254, 266, 259]);
    }

    #[test]
    fn parts_that_are_none_are_refused() {
        for text in ["", "1", "0/2", "3/2", "a/b", "1/0", "-1/2", "1/2/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        let shard: Shard = " 2/3".parse().unwrap();
        assert_eq!(shard.to_string(), "2/3");
    }
}
