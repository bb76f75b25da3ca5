use std::path::Path;

use super::*;
use crate::yaml::Limits;

fn weights(pairs: &[(&str, i64)]) -> BTreeMap<String, i64> {
    let pairs = pairs.iter();
    pairs
        .map(|&(name, weight)| (name.to_owned(), weight))
        .collect()
}

/// Every `NAME.yaml` with a `NAME.yaml.expected` beside it becomes that at 70/30.
fn check_folder(folder: &Path) -> usize {
    let mut files: Vec<_> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    let mut failures = Vec::new();
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let expected = fs_err::read(folder.join(format!("{name}.expected"))).unwrap();
        let to = weights(&[("podinfo-primary", 70), ("podinfo-canary", 30)]);
        let outcome = Stream::from_bytes(&fs_err::read(path).unwrap(), &Limits::default())
            .map_err(|error| format!("{error} at {:?}", error.span()))
            .and_then(|mut stream| match set_weights(&mut stream, &to) {
                Ok(1) => Ok(stream),
                Ok(rules) => Err(format!("{rules} rules")),
                Err(error) => Err(format!("{error} at {:?}", error.span())),
            });
        match outcome {
            Err(error) => failures.push(format!("{name}: {error}")),
            Ok(stream) if stream.text().as_bytes() != expected => {
                let expected = String::from_utf8_lossy(&expected);
                failures.push(format!("{name}:\n{:?}\n{expected:?}", stream.text()));
            }
            Ok(mut stream) => {
                let once = stream.text().to_owned();
                set_weights(&mut stream, &to).unwrap();
                assert_eq!(stream.text(), once, "{name} again");
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    files.len()
}

#[test]
fn own_routes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/routes");
    assert!(check_folder(&folder) > 20);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "says where the corpus is")]
fn corpus_routes() {
    match std::env::var_os("WEIRKEEPER_CORPUS") {
        Some(corpus) => {
            check_folder(&Path::new(&corpus).join("httproutes"));
        }
        None => eprintln!("skipped: WEIRKEEPER_CORPUS is not set"),
    }
}
