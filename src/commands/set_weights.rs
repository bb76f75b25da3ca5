//! `set-weights`: plumbing that patches weights in a manifest.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use super::Streams;
use crate::cli;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::render::weights::set_weights;
use crate::repo::manifest::ParsedFile;

pub(super) fn run(options: &cli::SetWeights, streams: &mut Streams<'_>) -> Result<u8> {
    let weights = options
        .weights
        .iter()
        .map(|given| weight(given))
        .collect::<Result<BTreeMap<String, i64>>>()?;
    let from_stdin = options.file == Path::new("-");
    if from_stdin && options.in_place {
        return Err(Error::usage("--in-place needs a file, not standard input"));
    }
    let bytes = read(&options.file, from_stdin)?;
    let shown = options.file.to_string_lossy();
    let ParsedFile { source, mut stream } = ParsedFile::parse(&shown, &bytes)?;
    set_weights(&mut stream, &weights).map_err(|error| {
        let mut diagnostic = Diagnostic::error(error.to_string()).at(&source, error.span());
        diagnostic.hint = error.hint().map(str::to_owned);
        Error::document(format!("the weights in {shown} cannot be set")).at([diagnostic])
    })?;
    if !options.in_place {
        streams.print(stream.text())?;
    } else if stream.text() != source.text {
        replace(&options.file, stream.text())?;
    }
    Ok(0)
}

/// Reads `NAME=WEIGHT`.
fn weight(given: &str) -> Result<(String, i64)> {
    let wrong =
        || Error::usage(format!("`{given}` is not NAME=WEIGHT")).hint("write podinfo-canary=10");
    let (name, weight) = given.rsplit_once('=').ok_or_else(wrong)?;
    let digits = !weight.is_empty() && weight.bytes().all(|byte| byte.is_ascii_digit());
    match (name.is_empty(), digits, weight.parse()) {
        (false, true, Ok(weight)) => Ok((name.to_owned(), weight)),
        _ => Err(wrong()),
    }
}

fn read(path: &Path, from_stdin: bool) -> Result<Vec<u8>> {
    let bytes = match from_stdin {
        true => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map(|_count| bytes)
        }
        false => fs_err::read(path),
    };
    bytes.map_err(|error| Error::usage("cannot read the manifest").because(error))
}

/// Replaces the file in one step, so that nobody sees half of it; its
/// permissions stay, and a link stays a link.
fn replace(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::usage(format!("cannot write {}", path.display())).because(error)
    };
    let path = fs_err::canonicalize(path).map_err(failed)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let permissions = fs_err::metadata(&path).map_err(failed)?.permissions();
    let file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    fs_err::write(file.path(), text).map_err(failed)?;
    fs_err::set_permissions(file.path(), permissions).map_err(failed)?;
    file.persist(&path)
        .map(drop)
        .map_err(|error| failed(error.error))
}
