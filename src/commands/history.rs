//! `history`: the time line of the rollouts, from Git alone.

mod check;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Streams, git_options};
use crate::api::parse_duration;
use crate::cli::{self, Format};
use crate::error::{Error, Kind, Result};
use crate::repo::git::{Oid, Repository};
use crate::repo::history::{Canaries, Past, Written};
use crate::report::history::{self, Entry, Finding, Rollout};
use crate::settings::Settings;

/// The trailers of a step, see [`crate::report::message`].
struct Trailers<'a>(&'a [(String, String)]);

impl<'a> Trailers<'a> {
    /// Those of a step; a person may write `Canary:` for another reason.
    fn of(past: &'a Past) -> Option<Self> {
        let found = Self(&past.trailers);
        let is_step = found.get("Canary").is_some() && found.get("Failed-Checks").is_some();
        is_step.then_some(found)
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        let mut found = self.0.iter().filter(|(name, _)| name == key);
        found.next().map(|(_, value)| value.as_str())
    }
}

/// One commit, and what it did to the Canaries in the files it changed.
struct Moment {
    past: Past,
    before: Canaries,
    after: Canaries,
}

pub(super) async fn run(
    options: &cli::History,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let repository = Repository::open(&settings.repo, git_options(settings)).await?;
    let branch = options.branch.as_deref().filter(|name| !name.is_empty());
    let tip = match branch {
        Some(branch) => {
            let branch = repository.branch(Some(branch)).await?;
            repository.tip(&branch).await?
        }
        None => repository.head().await?.ok_or_else(|| {
            Error::usage("there is no commit yet").hint("name the branch to read with --branch")
        })?,
    };
    let since = since(options.since.as_deref(), settings.now)?;
    let (moments, mut notes, complete) = walk(&repository, tip, options, since)?;
    let mut rollouts = time_lines(&moments, options.canary.as_deref());
    if let Some(canary) = &options.canary
        && rollouts.is_empty()
        && complete
    {
        return Err(Error::usage(format!(
            "nothing ever happened to a Canary {canary} on this branch"
        )));
    }
    rollouts.retain(|rollout| !rollout.runs.is_empty());
    let (checked, findings) = match options.check {
        true => {
            let (checked, findings) =
                check::all(&repository, &moments, options.canary.as_deref()).await?;
            (Some(checked), findings)
        }
        false => (None, Vec::new()),
    };
    if !complete && options.check {
        notes.push("what is older was not checked".to_owned());
    }
    let story = history::History {
        version: crate::report::VERSION,
        head: tip.to_string(),
        rollouts,
        complete,
        checked,
        findings,
        notes,
    };
    match settings.format {
        Format::Json => streams.json(&story)?,
        Format::Text | Format::Github => streams.print(&history::text(&story))?,
    }
    Ok(match story.findings.is_empty() {
        true => 0,
        false => Kind::Mismatch.exit_code(),
    })
}

/// A moment, or a time back from now.
fn since(text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Some(time));
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && let Ok(start) = date.to_zoned(jiff::tz::TimeZone::UTC)
    {
        return Ok(Some(start.timestamp()));
    }
    let back = parse_duration(text)
        .ok()
        .filter(SignedDuration::is_positive);
    back.and_then(|back| now.checked_sub(back).ok())
        .map(Some)
        .ok_or_else(|| {
            Error::usage(format!("--since: `{text}` is no time"))
                .hint("write a date, a time such as 2026-01-31T12:00:00Z, or how long ago: 24h")
        })
}

/// Walks back as far as is asked for; what was found is oldest first.
fn walk(
    repository: &Repository,
    tip: Oid,
    options: &cli::History,
    since: Option<Timestamp>,
) -> Result<(Vec<Moment>, Vec<String>, bool)> {
    let mut history = repository.history(tip)?;
    let mut moments = Vec::new();
    let mut notes = Vec::new();
    let mut complete = true;
    while let Some(past) = history.older()? {
        if since.is_some_and(|since| past.time < since) {
            complete = false;
            break;
        }
        let (mut before, mut after) = (Canaries::new(), Canaries::new());
        for path in past.changed.iter().filter(|path| is_document(path)) {
            after.extend(history.canaries(past.id, path)?);
            if let Some(parent) = past.parent {
                before.extend(history.canaries(parent, path)?);
            }
        }
        let moment = Moment {
            past,
            before,
            after,
        };
        if !moment.concerns(options.canary.as_deref()) {
            continue;
        }
        if options.limit.is_some_and(|limit| moments.len() >= limit) {
            complete = false;
            break;
        }
        moments.push(moment);
    }
    if history.is_cut() {
        complete = false;
        notes.push(
            "this clone is shallow and ends here: fetch more with git fetch --unshallow".to_owned(),
        );
    }
    moments.reverse();
    Ok((moments, notes, complete))
}

fn is_document(path: &str) -> bool {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension);
    matches!(extension, Some("yaml" | "yml" | "json"))
}

impl Moment {
    /// The Canaries it concerns: whose state it changed, and the one it names.
    fn canaries(&self) -> Vec<&str> {
        let ids = self.before.keys().chain(self.after.keys());
        let changed = ids.filter(|id| self.before.get(*id) != self.after.get(*id));
        let named = Trailers::of(&self.past).and_then(|trailers| trailers.get("Canary"));
        let mut ids: Vec<&str> = changed.map(String::as_str).chain(named).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn concerns(&self, canary: Option<&str>) -> bool {
        let ids = self.canaries();
        match canary {
            Some(canary) => ids.contains(&canary),
            None => !ids.is_empty(),
        }
    }
}

/// What happened to each Canary.
fn time_lines(moments: &[Moment], only: Option<&str>) -> Vec<Rollout> {
    let mut entries: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
    // The newest commit after which a Canary had a status.
    let mut seen: BTreeMap<&str, Vec<(&Written, &Past)>> = BTreeMap::new();
    for moment in moments {
        for id in moment.canaries() {
            if only.is_some_and(|only| only != id) {
                continue;
            }
            let earlier = seen.entry(id).or_default();
            let known = entries.entry(id).or_default();
            let mut entry = entry(moment, id, earlier, known.last());
            if let Some(Written::Status(status)) = moment.after.get(id) {
                entry.set(status);
            }
            known.push(entry);
            if let Some(written) = moment.after.get(id) {
                earlier.push((written, &moment.past));
            }
        }
    }
    let rollouts = entries.into_iter();
    rollouts
        .map(|(id, entries)| Rollout::new(id.to_owned(), entries))
        .collect()
}

fn entry(moment: &Moment, id: &str, earlier: &[(&Written, &Past)], last: Option<&Entry>) -> Entry {
    let past = &moment.past;
    let (before, after) = (moment.before.get(id), moment.after.get(id));
    let trailers = Trailers::of(past).filter(|trailers| trailers.get("Canary") == Some(id));
    let restored = earlier
        .iter()
        .rev()
        .find(|(written, _)| Some(*written) == after);
    let (kind, restores) = match (trailers.is_some(), before, after) {
        (true, _, _) => (history::Kind::Step, None),
        (false, None, _) => (history::Kind::Added, None),
        (false, _, None) => (history::Kind::Removed, None),
        (false, Some(_), Some(_)) => match restored {
            Some((_, past)) => (history::Kind::Revert, Some(past.id.to_string())),
            None => (history::Kind::Edit, None),
        },
    };
    // `podinfo.test: canary 20 → 30 %`: whom it is about is said already.
    let is_step = kind == history::Kind::Step;
    let told = past.subject.split_once(": ").filter(|_| is_step);
    let told = told.map(|(_, what)| what);
    Entry {
        time: past.time,
        commit: past.id.to_string(),
        author: past.author.clone(),
        kind,
        what: told.unwrap_or(&past.subject).to_owned(),
        restores,
        // A step that leaves the state as it is belongs to the run before.
        ..last.cloned().unwrap_or_default()
    }
}

/// A finding about a commit.
fn finding(past: &Past, canary: &str, message: impl Into<String>) -> Finding {
    Finding {
        commit: past.id.to_string(),
        canary: canary.to_owned(),
        message: message.into(),
    }
}
