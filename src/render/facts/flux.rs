//! What Flux changes after Kustomize: nobody sees it in the repository's builds.

use serde_yaml::Value;

use crate::api::{FieldPath, Problem};
use crate::diagnostic::Diagnostic;
use crate::render::workload::get;
use crate::repo::kustomize::split_image;
use crate::repo::manifest::Manifest;
use crate::repo::rollout::Rollout;

/// What Flux's own `Kustomization` objects do to the folder of the rollout: an
/// image that is set there reaches target and primary alike, which is an error;
/// patches and substitutions may, which is a warning. Any other object among
/// `kustomizations` is passed over.
#[must_use]
pub fn flux_hints(rollout: &Rollout, kustomizations: &[Manifest]) -> Vec<Diagnostic> {
    let (Some(copied), Some(folder)) = (rollout.release.copied(), folder_of(rollout)) else {
        return Vec::new();
    };
    let images = images(&copied.built);
    let ours = kustomizations.iter().filter(|one| applies(one, folder));
    ours.flat_map(|flux| of_one(flux, &images, &copied.target.name))
        .collect()
}

/// The folder that Flux builds for this rollout.
fn folder_of(rollout: &Rollout) -> Option<&str> {
    let home = rollout
        .home
        .as_ref()
        .map(|home| home.kustomization.folder());
    let target = rollout
        .release
        .copied()
        .map(|copied| copied.target.folder());
    home.or(target)
}

/// Does a Flux Kustomization build `folder`, or what it is in?
fn applies(flux: &Manifest, folder: &str) -> bool {
    let path = get(&flux.value, &["spec", "path"]).and_then(Value::as_str);
    let path = path.unwrap_or_default().trim_start_matches("./");
    let path = path.trim_matches('/');
    flux.api_version()
        .starts_with("kustomize.toolkit.fluxcd.io/")
        && (path.is_empty() || path == folder || folder.starts_with(&format!("{path}/")))
}

fn of_one(flux: &Manifest, images: &[&str], target: &str) -> Vec<Diagnostic> {
    let list = |key: &str| get(&flux.value, &["spec", key]).and_then(Value::as_sequence);
    let root = FieldPath::root().key("spec");
    let mut found = Vec::new();
    for (index, entry) in list("images").into_iter().flatten().enumerate() {
        let name = entry
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if images.iter().any(|image| split_image(image).0 == name) {
            let at = root.key("images").index(index).key("name");
            let message = format!("sets the image of {target} and of its primary alike");
            let hint = "set it in the repository's own kustomization or in the manifest";
            found.push(flux.diagnostic(&Problem::error(at, message).hint(hint)));
        }
    }
    let substitutes = images.iter().any(|image| image.contains("${"));
    let patches = list("patches").is_some_and(|patches| !patches.is_empty());
    for (key, is_set) in [("patches", patches), ("postBuild", substitutes)] {
        if is_set && get(&flux.value, &["spec", key]).is_some() {
            let message = format!(
                "is not seen here: what it changes of {target} reaches the primary without a release"
            );
            let hint = "do it in the repository's own kustomization instead";
            found.push(flux.diagnostic(&Problem::warning(root.key(key), message).hint(hint)));
        }
    }
    found
}

/// The images of a workload's containers.
fn images(workload: &Value) -> Vec<&str> {
    let pods = get(workload, &["spec", "template", "spec"]);
    let lists = ["containers", "initContainers"].into_iter();
    let containers = lists.filter_map(|list| pods?.get(list)?.as_sequence());
    containers
        .flatten()
        .filter_map(|container| container.get("image")?.as_str())
        .collect()
}
