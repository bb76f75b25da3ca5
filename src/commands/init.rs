//! `init`: a Canary and a workflow for a Deployment that is there.

mod found;

use std::path::Path;
use std::sync::Arc;

use super::{Streams, work_tree};
use crate::cli::{self, Format};
use crate::error::{Error, Result};
use crate::render;
use crate::repo::files::Files;
use crate::repo::inventory::Inventory;
use crate::repo::manifest::ParsedFile;
use crate::repo::rollout::{self, Rollout};
use crate::settings::Settings;

use found::Found;

/// The workflow that takes the steps, the one of `.github/examples`.
const WORKFLOW: &str = include_str!("../../templates/rollouts.yml");

/// Where it is written.
const WORKFLOW_PATH: &str = ".github/workflows/rollouts.yml";

pub(super) fn run(
    options: &cli::Init,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let top = work_tree(settings)?;
    let inventory = Inventory::load(Files::in_folder(&top)?)?;
    let (found, judged) = measurable(&inventory, Found::look(&inventory, options)?, settings);
    let mut files = vec![(found.path(), found.canary())];
    let mut checks = found.checks(&inventory, judged.as_ref().ok())?;
    if has_workflow(&top, &inventory)? {
        checks.push("a workflow runs Weirkeeper already: none was written".to_owned());
    } else {
        checks.push(format!(
            "{WORKFLOW_PATH}: set the variable PROMETHEUS_URL of the repository, and the secret \
             PROMETHEUS_TOKEN if Prometheus asks for one; pin Weirkeeper to a commit"
        ));
        files.push((WORKFLOW_PATH.to_owned(), WORKFLOW.to_owned()));
    }
    for (path, _) in &files {
        if inventory.files().is_taken(path)? {
            return Err(Error::usage(format!("{path} is there already"))
                .hint("nothing was written; remove or rename it"));
        }
    }
    if !options.dry_run {
        can_be_carried_out(judged)?;
        for (path, text) in &files {
            write(&top.join(path), text)?;
        }
    }
    match settings.format {
        Format::Json => {
            let files = files.iter();
            let files = files.map(|(path, text)| serde_json::json!({"path": path, "text": text}));
            streams.json(&serde_json::json!({
                "version": crate::report::VERSION,
                "written": !options.dry_run,
                "files": files.collect::<Vec<_>>(),
                "checks": checks,
            }))?;
        }
        Format::Text | Format::Github => {
            for (path, text) in &files {
                match options.dry_run {
                    true => streams.print(&format!("# {path}\n{text}\n"))?,
                    false => streams.print(&format!("wrote {path}\n"))?,
                }
            }
            streams.print("to check:\n")?;
            for check in &checks {
                streams.print(&format!("- {check}\n"))?;
            }
        }
    }
    Ok(0)
}

/// What is written measures at the gateway if that can tell the canary apart, else at
/// the application.
fn measurable(
    inventory: &Inventory,
    found: Found,
    settings: &Settings,
) -> (Found, Result<Rollout>) {
    let judged = judge(inventory, &found, settings);
    if judged.is_ok() {
        return (found, judged);
    }
    let other = found.clone().measured_with(APPLICATION);
    match judge(inventory, &other, settings) {
        Ok(rollout) => (other, Ok(rollout)),
        Err(_) => (found, judged),
    }
}

/// The query set of the application's own metrics.
const APPLICATION: &str = "application";

/// What belongs to the Canary that is to be written.
fn judge(inventory: &Inventory, found: &Found, settings: &Settings) -> Result<Rollout> {
    let file = ParsedFile::parse(&found.path(), found.canary().as_bytes())?;
    let manifests = Arc::new(file).manifests();
    let canary = manifests
        .first()
        .ok_or_else(|| Error::internal("the Canary cannot be read back"))?;
    rollout::resolve(inventory, canary, settings.now)
}

/// A Canary that no step could be taken for is not written, such as one in a base
/// whose overlays set the image.
fn can_be_carried_out(judged: Result<Rollout>) -> Result<()> {
    match judged.and_then(|rollout| render::facts(&rollout)) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.hint(
            "nothing was written; --dry-run prints the Canary, to be put where it can be carried \
             out, such as the folder of an overlay",
        )),
    }
}

/// Does a workflow run Weirkeeper?
fn has_workflow(top: &Path, inventory: &Inventory) -> Result<bool> {
    if top.join(WORKFLOW_PATH).exists() {
        return Ok(true);
    }
    let files = inventory.files().containing(&["weirkeeper"])?;
    Ok(files
        .iter()
        .any(|file| file.path.starts_with(".github/workflows/")))
}

fn write(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    let failed = |error| Error::usage("cannot write a file").because(error);
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = fs_err::OpenOptions::new();
    let file = options.write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(failed)
}
