//! `comment`: does what a person asks for in a comment at GitHub, as a commit, and
//! answers.
//!
//! Obeyed is a new comment of a person who may write to the repository, as it
//! still stands. What is done is done to the branch of the checkout, never to
//! anything of a pull request.

mod event;

use jiff::SignedDuration;

use super::world::Opened;
use super::{Streams, step};
use crate::cli;
use crate::comment::{self, Command, Order};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Kind, Result};
use crate::github::{GitHub, Reaction, Remark, User};
use crate::repo::Signature;
use crate::report::{Run, diagnostics};
use crate::settings::{Secrets, Settings};
use crate::tick::PREFIX;
use crate::{SaidIn, Saying, World, say};
use event::Event;

/// How old a comment may be: it was written about what its author saw. Runs wait
/// for each other, and a workflow can be run again for weeks.
const OLDEST: SignedDuration = SignedDuration::from_hours(1);

pub(super) async fn run(
    options: &cli::Comment,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let event = Event::read(settings)?;
    let command = comment::find(event.comment.body.as_deref().unwrap_or_default());
    let Some(command) = command else {
        streams.note("there is no command in the comment: nothing to do\n")?;
        return Ok(0);
    };
    let user = match (event.is_out_of_question(), &event.comment.user) {
        (None, Some(user)) => user,
        (why, _) => {
            let why = why.unwrap_or("nobody wrote the comment");
            streams.note(&format!("{why}: nothing to do\n"))?;
            return Ok(0);
        }
    };
    let mut asked = Asked::new(options, settings, &event, user).await?;
    let done = match asked.carry_out(&command).await {
        Ok(done) => done,
        Err(error) => Done::Refused(error),
    };
    if let Some(finding) = asked.answer(&done, &command).await {
        streams.note(&diagnostics::text(
            std::slice::from_ref(&finding),
            streams.colour,
        ))?;
        if settings.github.is_some() {
            streams.note(&diagnostics::github(&[finding]))?;
        }
    }
    let run = match done {
        Done::Said(run) => run,
        // It owes the workflow its outputs.
        Done::Refused(error) => Run::failed(error),
        Done::NotAllowed => {
            streams.note("the author may not write to the repository: nothing was done\n")?;
            return Ok(0);
        }
        Done::Gone => {
            streams.note("the comment was deleted: nothing to do\n")?;
            return Ok(0);
        }
    };
    step::report(&run, settings, streams)?;
    Ok(run.exit_code())
}

/// What became of a command.
enum Done {
    /// It was said; the run tells what came of it.
    Said(Run),
    /// It cannot be done, or something failed.
    Refused(Error),
    /// The author has no say here.
    NotAllowed,
    /// The comment is not there any more.
    Gone,
}

/// A comment, and the world it is about.
struct Asked<'a> {
    event: &'a Event,
    user: &'a User,
    settings: &'a Settings,
    world: World,
}

impl<'a> Asked<'a> {
    /// # Errors
    /// When there is no world, or the comment is about another repository.
    async fn new(
        options: &cli::Comment,
        settings: &'a Settings,
        event: &'a Event,
        user: &'a User,
    ) -> Result<Self> {
        let opened = Opened::open(&options.commit, settings).await?;
        let secrets = Secrets::new(options.secrets_dir.as_deref(), &settings.environment);
        // Whose commit it is, is known once GitHub has been asked.
        let nobody = Signature {
            name: String::new(),
            email: String::new(),
            time: settings.now,
        };
        let world = opened.world(nobody, &options.notify, secrets, &options.deadline)?;
        let repository = world.github.repository()?;
        let commented = &event.repository.full_name;
        if !repository.eq_ignore_ascii_case(commented) {
            let commented = commented.escape_debug();
            return Err(Error::usage(format!(
                "the comment is one of {commented}, the checkout is {repository}"
            ))
            .hint("who may write there has no say here: use a workflow of this repository"));
        }
        Ok(Self {
            event,
            user,
            settings,
            world,
        })
    }

    fn github(&self) -> &GitHub {
        &self.world.github
    }

    async fn carry_out(&mut self, command: &Command) -> Result<Done> {
        let github = self.github();
        let permission = github.permission(&self.user.login).await?;
        if !permission.is_some_and(|permission| permission.lets_write(self.user)) {
            return Ok(Done::NotAllowed);
        }
        let Some(remark) = github.remark(self.event.comment.id).await? else {
            return Ok(Done::Gone);
        };
        self.check(&remark)?;
        let here = self.here().await?;
        let Order {
            canary,
            word,
            reason,
        } = command.order(here.as_deref()).map_err(|unclear| {
            Error::usage(unclear.0).hint(format!(
                "write it as `{} approve shop/podinfo`",
                comment::PREFIX
            ))
        })?;
        self.world.author = author(self.user, &remark, self.settings)?;
        let saying = Saying {
            canary,
            word,
            reason,
            comment: Some(SaidIn {
                id: remark.id,
                url: remark.html_url,
            }),
        };
        Ok(Done::Said(say(&self.world, &saying).await?))
    }

    /// Does the comment still say what the event told, now?
    fn check(&self, remark: &Remark) -> Result<()> {
        let event = self.event;
        let is_same = remark.id == event.comment.id
            && remark.user.as_ref().map(|user| user.id) == Some(self.user.id)
            && remark.is_of(event.issue.number)
            && remark.is_by_a_person();
        if !is_same || remark.body != event.comment.body {
            return Err(Error::usage("the comment was edited since it was written")
                .hint("write a new one: only new comments are obeyed"));
        }
        let age = self.settings.now.duration_since(remark.created_at);
        if age > OLDEST {
            return Err(Error::usage(format!(
                "the comment is of {}: what it is about may be over",
                remark.created_at
            ))
            .hint("write it once more if it is still meant"));
        }
        Ok(())
    }

    /// The Canary whose pull request this is. A fork may call its branches as it
    /// likes.
    async fn here(&self) -> Result<Option<String>> {
        if self.event.issue.pull_request.is_none() {
            return Ok(None);
        }
        let head = self.github().head_of(self.event.issue.number).await?;
        let Some(repository) = head.repo else {
            return Ok(None);
        };
        let ours = &self.event.repository.full_name;
        let is_ours = repository.full_name.eq_ignore_ascii_case(ours);
        let canary = head.branch.strip_prefix(PREFIX);
        let canary = canary.and_then(|below| below.strip_prefix('/'));
        Ok(canary.filter(|_| is_ours).map(str::to_owned))
    }
}

impl Asked<'_> {
    /// Reacts to the comment and replies; nobody is answered about what only this
    /// checkout has, or a comment that is gone. What fails comes back: what was done
    /// is done.
    async fn answer(&self, done: &Done, command: &Command) -> Option<Diagnostic> {
        if self.world.dry_run || self.world.remote.is_none() {
            return None;
        }
        let answer = Answer::to(done, command, self.settings)?;
        let (github, event, needs) = (self.github(), self.event, self.event.permission());
        let number = event.issue.number;
        let replied = github.reply(number, &answer.text, needs).await;
        let reacted = github.react(event.comment.id, answer.reaction, needs).await;
        let error = Error::from(replied.and(reacted).err()?);
        let message = format!("the comment was not answered: {}", error.chain());
        let finding = Diagnostic::warning(message);
        Some(match error.hints().first() {
            Some(hint) => finding.hint(hint),
            None => finding,
        })
    }
}

/// What the author of a comment is told.
struct Answer {
    reaction: Reaction,
    text: String,
}

impl Answer {
    /// `None` when there is nobody to tell.
    fn to(done: &Done, command: &Command, settings: &Settings) -> Option<Self> {
        let (reaction, mut sentences) = match done {
            Done::Gone => return None,
            Done::NotAllowed => {
                let why = "nothing was done: that is for people who may write to this repository";
                (Reaction::Confused, vec![why.to_owned()])
            }
            Done::Refused(error) => (Reaction::Refused, refusal(error)),
            Done::Said(run) => told(run),
        };
        if command.has_more && reaction != Reaction::Confused {
            let more = "more commands in the same comment are not carried out: write one for each";
            sentences.push(more.to_owned());
        }
        let mut text = comment::answer(sentences);
        let runner = settings.github.as_ref();
        let run = runner.and_then(|runner| runner.run_url.as_ref());
        if let Some(run) = run.filter(|_| reaction == Reaction::Refused) {
            text.push_str(&format!("\n[The run](<{run}>) tells more.\n"));
        }
        Some(Self { reaction, text })
    }
}

/// What came of a word that was said.
fn told(run: &Run) -> (Reaction, Vec<String>) {
    let mut sentences = Vec::new();
    for result in &run.results {
        let reasons = result.reasons.iter();
        sentences.extend(reasons.map(|reason| format!("{}: {reason}", result.canary)));
        // GitHub makes a link of it.
        sentences.extend(
            result
                .commit
                .as_ref()
                .map(|commit| format!("commit {commit}")),
        );
    }
    let is_done = run.results.iter().any(|result| result.commit.is_some());
    match run.all_errors().next() {
        Some(error) if !is_done => (Reaction::Refused, refusal(error)),
        Some(_) | None => (Reaction::Done, sentences),
    }
}

/// Why something was not done. What others answered to this program stays in its log.
fn refusal(error: &Error) -> Vec<String> {
    match error.kind() {
        Kind::Usage | Kind::Document | Kind::Conflict | Kind::Mismatch => {
            let places = error.diagnostics().iter();
            let places = places.map(|finding| match finding.location() {
                Some(place) => format!("{place}: {}", finding.message),
                None => finding.message.clone(),
            });
            let hints = error.hints().iter().cloned();
            let first = format!("nothing was done: {}", error.chain());
            std::iter::once(first).chain(places).chain(hints).collect()
        }
        // A push or a request may have got through before it failed.
        Kind::Remote | Kind::Internal => {
            vec!["it failed; look at the run before you say it again".to_owned()]
        }
    }
}

/// The person as author of a commit, with the address that GitHub keeps for them.
fn author(user: &User, remark: &Remark, settings: &Settings) -> Result<Signature> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_shown = remark.html_url.fragment() == Some(&*format!("issuecomment-{}", remark.id));
    let (true, true, Some(host)) = (
        !user.login.is_empty() && user.login.chars().all(plain),
        is_shown,
        remark.html_url.host_str(),
    ) else {
        return Err(Error::remote("the answer is not one of GitHub")
            .because("neither the author nor the address of the comment can be used")
            .hint("is GITHUB_API_URL the API of your GitHub?"));
    };
    Ok(Signature {
        name: user.login.clone(),
        email: format!("{}+{}@users.noreply.{host}", user.id, user.login),
        time: settings.now,
    })
}
