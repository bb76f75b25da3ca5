//! The fields that a promotion copies: mode `fields`.

use serde_yaml::Value;

use super::findings::Findings;
use super::search::Search;
use super::workloads::home_of;
use super::{FieldPair, FieldSite, Fields, Home, Release};
use crate::api::{FieldEnd, FieldSelector, NotSelected};
use crate::error::{Error, Result};
use crate::repo::manifest::Manifest;

/// The pairs of `spec.gitops.promotion.fields`; `None` when one is missing,
/// which is noted.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn find(
    search: &Search<'_>,
    findings: &mut Findings<'_>,
) -> Result<Option<(Release, Option<Home>)>> {
    let gitops = search.canary.spec.gitops();
    let copies = gitops
        .promotion
        .as_ref()
        .and_then(|promotion| promotion.fields.as_deref());
    let mut pairs = Vec::new();
    for (index, copy) in copies.unwrap_or_default().iter().enumerate() {
        let mut end = |end: &FieldEnd, name: &str, must_exist: bool| {
            let place = format!("spec.gitops.promotion.fields[{index}].{name}.path");
            findings.found(site(search, end, must_exist).map(Some), &place)
        };
        let (from, to) = (end(&copy.from, "from", true)?, end(&copy.to, "to", false)?);
        if let (Some(from), Some(to)) = (from, to) {
            pairs.push(FieldPair { from, to });
        }
    }
    let home = home(search, pairs.first())?;
    let complete = pairs.len() == copies.map_or(0, <[_]>::len);
    Ok(complete.then(|| (Release::Fields(Fields { pairs }), home)))
}

/// Where new files are listed: the kustomization that lists the first field's
/// document, or is it; else the one that lists the Canary.
fn home(search: &Search<'_>, first: Option<&FieldPair>) -> Result<Option<Home>> {
    let inventory = search.inventory;
    if let Some(from) = first.map(|pair| &pair.from.manifest) {
        let chain = inventory.chain(search.path, from.path())?;
        if !chain.is_empty() {
            return Ok(home_of(&chain));
        }
        if let Some(itself) = inventory.kustomization_in(from.folder())?
            && itself.manifest.path() == from.path()
        {
            return Ok(home_of(&[itself]));
        }
    }
    Ok(home_of(&inventory.chain(search.path, search.path)?))
}

/// The field that `end` names.
fn site(search: &Search<'_>, end: &FieldEnd, must_exist: bool) -> Result<FieldSite> {
    let selector: FieldSelector = end
        .path
        .parse()
        .map_err(|error| Error::document("the path cannot be read").because(error))?;
    let documents = documents(search, end)?;
    let chosen = |manifest: &Manifest| {
        let found = selector.find(&manifest.value)?;
        Ok::<_, NotSelected>((found.path, found.value.cloned()))
    };
    let mut found = documents.iter().map(|one| (one, chosen(one)));
    let usable = |value: &Option<Value>| value.is_some() || !must_exist;
    let complete = found
        .clone()
        .find(|(_, found)| matches!(found, Ok((_, Some(_)))));
    let partly = || found.find(|(_, found)| found.as_ref().is_ok_and(|(_, value)| usable(value)));
    if let Some((manifest, Ok((path, value)))) = complete.or_else(partly) {
        return Ok(FieldSite {
            manifest: manifest.clone(),
            path,
            value,
        });
    }
    let missing = |manifest: &Manifest| match chosen(manifest) {
        Ok((path, _)) => manifest.error_at(&path.to_string(), format!("there is no `{path}`")),
        Err(error) => manifest.error_at(&error.path.to_string(), error.to_string()),
    };
    let hint = match must_exist {
        true => {
            "write it as it is in the document: spec.values.image.tag, images[name=podinfo].newTag"
        }
        false => "what the field stands in has to exist: add it to the document",
    };
    let places: Vec<_> = documents.iter().take(3).map(missing).collect();
    Err(Error::document(format!("there is no `{selector}`"))
        .at(places)
        .hint(hint))
}

/// The documents that may hold the field; at least one.
fn documents(search: &Search<'_>, end: &FieldEnd) -> Result<Vec<Manifest>> {
    let (kind, name) = (end.kind.as_deref(), end.name.as_deref());
    let Some(file) = &end.file else {
        let (kind, name) = (kind.unwrap_or_default(), name.unwrap_or_default());
        let missing = || {
            let missing = search.wanted(kind, name).missing();
            missing.hint("commit it, or name the document by its file")
        };
        return Ok(vec![search.object(kind, name)?.ok_or_else(missing)?]);
    };
    let parts = file.split('/').filter(|part| !matches!(*part, "" | "."));
    let path = parts.collect::<Vec<_>>().join("/");
    let file = match search.inventory.file(&path)? {
        Some(Ok(file)) => file,
        Some(Err(error)) => return Err(error.again()),
        None => {
            let error = Error::document(format!("there is no file {path}"));
            return Err(error.hint("name it from the top of the repository"));
        }
    };
    let all = (0..file.stream.documents().len()).filter_map(|index| Manifest::any(&file, index));
    let fits = |manifest: &Manifest| {
        kind.is_none_or(|kind| manifest.kind == kind)
            && name.is_none_or(|name| manifest.name == name)
    };
    let found: Vec<Manifest> = all.filter(fits).collect();
    match found.is_empty() {
        false => Ok(found),
        true => {
            let wanted = [kind, name].into_iter().flatten().collect::<Vec<_>>();
            Err(Error::document(match wanted.as_slice() {
                [] => format!("{path} holds no document"),
                words => format!("{path} holds no {}", words.join(" ")),
            }))
        }
    }
}
