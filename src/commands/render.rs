//! `render`: what is generated for a Canary.

use super::{Streams, work_tree};
use crate::api::Traffic;
use crate::cli::{self, Format};
use crate::error::{Error, Result};
use crate::render::route::{RouteState, route};
use crate::render::service::{ServiceRole, service};
use crate::render::workload::SelectorLabel;
use crate::repo::files::Files;
use crate::repo::inventory::Inventory;
use crate::repo::rollout;
use crate::select;
use crate::settings::Settings;
use crate::yaml::to_text;

pub(super) fn run(
    options: &cli::Render,
    settings: &Settings,
    streams: &mut Streams<'_>,
) -> Result<u8> {
    let traffic = traffic(options)?;
    let inventory = Inventory::load(Files::in_folder(&work_tree(settings)?)?)?;
    let chosen = select(&inventory, std::slice::from_ref(&options.canary))?;
    let [manifest] = chosen.as_slice() else {
        return Err(Error::document(format!(
            "there are {} Canaries {}",
            chosen.len(),
            options.canary
        ))
        .hint("choose the folder of one of them with --repo"));
    };
    let rollout = rollout::resolve(&inventory, manifest, settings.now)?;
    let spec = &rollout.canary.spec;
    let namespace = rollout.canary.metadata.namespace.as_deref();
    let state = RouteState::new(spec, rollout.canary.status.as_ref(), traffic)
        .scaled(rollout.gateway.weight_scale());
    let mut objects = vec![route(spec, namespace, &state)];
    if let Some(copied) = rollout.release.copied() {
        let (target, label) = (&copied.built, SelectorLabel::of(&copied.built)?);
        objects.extend(ServiceRole::ALL.map(|role| service(role, spec, &label, namespace, target)));
    }
    if settings.format == Format::Json {
        streams.json(&serde_json::json!({
            "version": crate::report::VERSION,
            "objects": objects,
        }))?;
        return Ok(0);
    }
    for object in objects {
        let text = to_text(&object)
            .ok_or_else(|| Error::internal("an object cannot be written as YAML"))?;
        streams.print(&format!("---\n{text}"))?;
    }
    Ok(0)
}

/// The weights asked for; one of them tells the other.
fn traffic(options: &cli::Render) -> Result<Traffic> {
    let (primary, canary) = match (options.primary, options.canary_weight) {
        (Some(primary), Some(canary)) => (primary, canary),
        (Some(primary), None) => (primary, 100 - primary),
        (None, Some(canary)) => (100 - canary, canary),
        (None, None) => (100, 0),
    };
    match primary + canary {
        100 => Ok(Traffic {
            primary,
            canary,
            mirrored: options.mirror,
        }),
        sum => Err(Error::usage(format!(
            "--primary and --canary sum up to {sum}, not to 100"
        ))),
    }
}
