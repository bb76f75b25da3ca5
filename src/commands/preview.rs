//! `preview`: what a change does to rollouts, on a pull request or before one.

use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::{Streams, git_options, step, work_tree};
use crate::cli::{self, FailedFinding, Format, environment};
use crate::error::{Error, Kind, Result};
use crate::github::{GitHub, Kept, Refused};
use crate::observe::Observer;
use crate::preview::{Draft, Pull, Sides, checks, measure, preview};
use crate::repo::files::Files;
use crate::repo::git::{Oid, Repository};
use crate::report::markdown::{Document, Inline, Limit};
use crate::report::preview::{Preview, markdown, text};
use crate::report::{Run, diagnostics};
use crate::settings::{GithubSettings, MetricsSettings, Settings, duration};
use crate::tick::within;

/// Longest `--comment-key`.
const KEY: usize = 64;

pub(super) async fn run(
    options: &cli::Preview,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let limit = duration("--deadline", &options.deadline)?;
    let end = Instant::now() + limit;
    let marker = marker(options.comment_key.as_deref().unwrap_or_default())?;
    let mut metrics = MetricsSettings::new(&options.metrics, &settings.environment)?;
    metrics.asks_only_named = true;
    let pull = settings
        .github
        .as_ref()
        .map(Pull::of)
        .transpose()?
        .flatten();
    let compared = compare(options, settings, pull.as_ref());
    let compared = within(end, limit, compared).await?;
    // What is left is for those who are asked.
    let draft = preview(compared.sides, remaining(end) * 3 / 4).await?;
    let mut preview = measured(draft, metrics, pull.as_ref(), settings, end).await;
    preview.notes.extend(compared.note);
    preview.base = Some(compared.base.to_string());
    preview.head = pull.as_ref().map(|pull| pull.head.clone());
    preview.blob = pull.as_ref().and_then(|pull| blob(settings, &pull.head));
    let document = markdown::document(&preview, settings.now);
    if !options.no_comment
        && let Some(pull) = &pull
    {
        let said = comment(settings, pull, &marker, &preview, &document);
        match within(end, limit, said).await {
            Ok(note) => preview.notes.extend(note),
            Err(error) => preview.errors.push(error),
        }
    }
    report(&preview, &document, settings, streams)?;
    Ok(exit_code(&preview, options.fail_on.fail_on))
}

/// What is compared, and the commit without the change.
struct Compared {
    sides: Sides,
    base: Oid,
    /// Why more may be shown than the change.
    note: Option<String>,
}

/// The Canaries that are named; a workflow names an empty one for all of them.
fn named(only: &[String]) -> Vec<String> {
    let only = only.iter().map(|name| name.trim());
    only.filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The files without and with the change.
///
/// Of a pull request that is the commit that is checked out, which a step will read
/// when it is merged, and not the work tree: nothing that the change makes Git ignore is
/// hidden. Elsewhere it is the work tree, so that a change can be looked at before it
/// is committed.
async fn compare(
    options: &cli::Preview,
    settings: &Settings,
    pull: Option<&Pull>,
) -> Result<Compared> {
    let repository = Repository::open(&settings.repo, git_options(settings)).await?;
    let head = repository.head().await?;
    let head = head.ok_or_else(|| {
        Error::usage("nothing is checked out").hint("check out the change that is to be shown")
    })?;
    let (base, is_known) = base(options, &repository, head, pull).await?;
    repository.have(base).await?;
    let note = "Where the change and its base parted is not in this clone: the tip of the base \
                is compared with, and what is new there is shown as if the change took it back. \
                Check out with `fetch-depth: 0`.";
    let files = match pull {
        Some(_) => repository.files_once(head).await?,
        None => Files::in_folder(&work_tree(settings)?)?,
    };
    Ok(Compared {
        sides: Sides {
            base: repository.files_once(base).await?,
            head: files,
            only: named(&options.select.only),
            now: settings.now,
        },
        base,
        note: (!is_known).then(|| note.to_owned()),
    })
}

/// The commit without the change: the one that is named, or that the merge of the pull
/// request was made with. The event knows an older one at times. `false` when it is the
/// tip of the base, because nobody knows where the two parted.
async fn base(
    options: &cli::Preview,
    repository: &Repository,
    head: Oid,
    pull: Option<&Pull>,
) -> Result<(Oid, bool)> {
    let given = options.base.as_deref().map(str::trim);
    let forked = async |base: Oid| -> Result<(Oid, bool)> {
        let point = repository.fork_point_fetched(base, head).await?;
        Ok((point.unwrap_or(base), point.is_some()))
    };
    if let Some(given) = given.filter(|given| !given.is_empty()) {
        return forked(repository.commit_named(given).await?).await;
    }
    match (repository.parents(head)?.as_slice(), pull) {
        ([first, _, ..], None) => Ok((*first, true)),
        ([first, second], Some(pull)) if second.to_string() == pull.head => Ok((*first, true)),
        (_, Some(pull)) => forked(repository.commit_named(&pull.base).await?).await,
        (_, None) => Err(Error::usage("nobody said what the change is compared with")
            .hint("give the branch it is for with --base, such as --base main")),
    }
}

/// Adds what the metrics say, where there is somebody to ask.
async fn measured(
    draft: Draft,
    metrics: MetricsSettings,
    pull: Option<&Pull>,
    settings: &Settings,
    end: Instant,
) -> Preview {
    let Draft {
        mut preview,
        questions,
    } = draft;
    let nobody = metrics.default.is_none() && metrics.replaced.is_empty();
    let why = match pull.is_some_and(|pull| pull.is_fork) {
        // Its queries are a stranger's, and the answers would be published.
        true => Some("the change comes from a fork"),
        false => nobody.then_some("no --prometheus is given"),
    };
    if let Some(why) = why {
        if !questions.is_empty() {
            let note = format!("The metrics of the primary were not asked for: {why}.");
            preview.notes.push(note);
        }
        return preview;
    }
    let observer = Observer::new(metrics);
    for (position, question) in questions {
        let limit = remaining(end) / 3;
        let measured = measure(&observer, &question, settings.now, limit).await;
        if let Some(previewed) = preview.canaries.get_mut(position) {
            previewed.checks = checks(&measured);
            previewed.metrics = Some(measured);
        }
    }
    preview
}

fn remaining(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

/// What a comment of this preview begins with.
fn marker(key: &str) -> Result<String> {
    let key = key.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-');
    match key {
        "" => Ok("<!-- weirkeeper preview -->".to_owned()),
        key if key.len() <= KEY && key.chars().all(plain) && !key.contains("--") => {
            Ok(format!("<!-- weirkeeper preview {key} -->"))
        }
        _ => Err(Error::usage("--comment-key cannot be that").hint(format!(
            "write at most {KEY} letters, digits and single . _ / -"
        ))),
    }
}

/// Keeps the comment on the pull request. The note says why there is none.
async fn comment(
    settings: &Settings,
    pull: &Pull,
    marker: &str,
    preview: &Preview,
    document: &Document,
) -> Result<Option<String>> {
    let no_comment = |why: &str| format!("No comment: {why}; the job summary has everything.");
    if pull.is_fork {
        let why = "the change comes from a fork";
        return Ok(Some(no_comment(why)));
    }
    // The workflow says which repository this is, not what was checked out.
    let github = GitHub::new(GithubSettings::new(&settings.environment, None)?);
    if !github.is_known() {
        return Ok(Some(no_comment("no token is given")));
    }
    let Limit::Characters(most) = Limit::COMMENT else {
        return Err(Error::internal("a comment is not counted in characters"));
    };
    let limit = Limit::Characters(most - marker.len() - 1);
    let body = format!("{marker}\n{}", document.to_text(limit, &cut_note(settings)));
    let kept = github.keep_comment(pull.number, marker, &body, !preview.is_empty());
    match kept.await {
        Ok(Kept::None | Kept::Same | Kept::Updated | Kept::Created) => Ok(None),
        Err(refused) if is_forbidden(&refused) => {
            let why = "the token may not write one, which takes `pull-requests: write`";
            Ok(Some(no_comment(why)))
        }
        Err(refused) => {
            let error = Error::from(refused);
            Err(error.while_doing("the comment could not be written"))
        }
    }
}

/// Does the token lack the permission? To some, GitHub does not even say that there is
/// something.
fn is_forbidden(refused: &Refused) -> bool {
    let kinds = ["FORBIDDEN", "INSUFFICIENT_SCOPES"];
    refused.is(403) || refused.is(404) || kinds.iter().any(|kind| refused.has(kind))
}

/// What stands where the comment was cut.
fn cut_note(settings: &Settings) -> Inline {
    let run = settings
        .github
        .as_ref()
        .and_then(|runner| runner.run_url.as_ref());
    let summary = Inline::ours("the job summary");
    let summary = match run {
        Some(run) => summary.link(run),
        None => summary,
    };
    Inline::ours("A comment has at most 65,536 characters. The rest is in ")
        .and(summary)
        .and(Inline::ours("."))
}

/// Where GitHub shows the files of a commit.
fn blob(settings: &Settings, commit: &str) -> Option<Url> {
    let server = settings.environment.get(environment::GITHUB_SERVER_URL)?;
    let repository = settings.environment.get(environment::GITHUB_REPOSITORY)?;
    let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    let server = server.trim_end_matches('/');
    let address = format!("{server}/{repository}/blob/{commit}");
    is_commit.then(|| Url::parse(&address).ok()).flatten()
}

/// Prints the preview, and gives a GitHub workflow what it wants.
fn report(
    preview: &Preview,
    document: &Document,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<()> {
    match settings.format {
        Format::Json => streams.json(preview)?,
        Format::Text | Format::Github => streams.print(&text::preview(preview, settings.now))?,
    }
    for error in &preview.errors {
        streams.error(error)?;
    }
    let Some(runner) = &settings.github else {
        return streams.note(&diagnostics::text(&preview.findings, streams.colour));
    };
    streams.note(&diagnostics::github(&preview.findings))?;
    let mut summary = document.clone();
    let notes = preview
        .notes
        .iter()
        .filter(|note| note.starts_with("No comment"));
    notes.for_each(|note| summary.paragraph(Inline::text(note)));
    let note = Inline::ours("The rest was cut: a summary has at most 1 MiB.");
    let summary = summary.to_text(Limit::SUMMARY, &note);
    step::append(runner.output.as_deref(), &outputs(preview)?)?;
    step::append(runner.summary.as_deref(), &summary)
}

/// Outputs of the workflow's step: what is touched, without the files. Those about
/// steps that were taken are there and empty.
fn outputs(preview: &Preview) -> Result<String> {
    let results: Vec<_> = preview
        .canaries
        .iter()
        .map(|one| {
            serde_json::json!({
                "canary": one.canary,
                "change": one.change,
                "headline": one.headline,
                "endsAt": one.ends_at,
                "largestShare": one.largest_share,
            })
        })
        .collect();
    let results = serde_json::to_string(&results)
        .map_err(|error| Error::internal("cannot write the results").because(error))?;
    // JSON on one line holds no line break, so no delimiter is needed.
    Ok(format!(
        "changed=false\ncommits=\nresults={results}\nactive=\nnext-step-at=\n"
    ))
}

/// What GitHub or the network refuse counts as well as what documents do wrong; what a
/// metric says now does not.
fn exit_code(preview: &Preview, fail_on: FailedFinding) -> u8 {
    let (errors, warnings) = preview.counts();
    let failed = match fail_on {
        FailedFinding::Error => errors > 0,
        FailedFinding::Warning => errors + warnings > 0,
        FailedFinding::None => return 0,
    };
    let of_documents = if failed {
        Kind::Document.exit_code()
    } else {
        0
    };
    of_documents.max(Run::code_of(&preview.errors))
}
