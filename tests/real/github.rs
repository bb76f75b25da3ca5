//! What is sent to GitHub, against GitHub's own descriptions of its API.
//!
//! `WEIRKEEPER_GITHUB_SCHEMAS` is the folder that `.ci/github/install` prints;
//! `WEIRKEEPER_GITHUB_SEEN` is where a run of the other tests noted its requests.

use std::path::{Path, PathBuf};

use crate::parts::{command, everything, source_tree, succeed};
use crate::support::github::asks;
use crate::support::gitops::tree;

/// A folder that the gate names.
fn folder(variable: &str) -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever runs the tests says where the descriptions are"
    )]
    let folder = std::env::var_os(variable);
    let folder = folder.unwrap_or_else(|| panic!("{variable} is not set: see .ci/run"));
    PathBuf::from(folder)
}

/// Documents of the program.
fn documents() -> Vec<PathBuf> {
    let source = source_tree().join("src");
    let files = tree(&source).into_keys();
    let found = files.filter(|path| path.ends_with(".graphql"));
    found.map(|path| source.join(path)).collect()
}

fn check(documents: &[PathBuf], requests: &[PathBuf]) -> std::process::Command {
    let mut node = command("node");
    node.arg(source_tree().join("tests/real/graphql.cjs"))
        .arg(folder("WEIRKEEPER_GITHUB_SCHEMAS"))
        .args(documents)
        .arg("--")
        .args(requests);
    node
}

#[test]
#[ignore = "needs real parts"]
fn documents_and_variables_fit_the_public_schema() {
    let seen = folder("WEIRKEEPER_GITHUB_SEEN").join("graphql");
    let requests: Vec<PathBuf> = tree(&seen)
        .into_keys()
        .map(|name| seen.join(name))
        .collect();
    let documents = documents();
    assert!(!documents.is_empty() && !requests.is_empty());
    println!("{}", succeed(&mut check(&documents, &requests)));
    // Each document is one that some test has sent.
    let sent: Vec<serde_json::Value> = requests
        .iter()
        .map(|file| serde_json::from_str(&fs_err::read_to_string(file).unwrap()).unwrap())
        .collect();
    for document in documents {
        let text = fs_err::read_to_string(&document).unwrap();
        let was_sent = sent.iter().any(|request| request["query"] == text);
        assert!(was_sent, "no test sends {}", document.display());
    }
    // And what is wrong is found.
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs_err::write(&file, text).unwrap();
        file
    };
    let field = write("a.graphql", "query A { viewer { logins } }");
    let query = "mutation B($input: CreateCommitOnBranchInput!) \
                 { createCommitOnBranch(input: $input) { clientMutationId } }";
    let request =
        serde_json::json!({"query": query, "variables": {"input": {"branch": {}}, "x": 1}});
    let request = write("b.json", &request.to_string());
    let output = check(&[field], &[request]).output().unwrap();
    let told = everything(&output);
    assert!(!output.status.success());
    for said in ["\"logins\"", "no variable $x", "\"expectedHeadOid\""] {
        assert!(told.contains(said), "{told}");
    }
}

#[test]
#[ignore = "needs real parts"]
fn every_question_was_asked() {
    let seen = folder("WEIRKEEPER_GITHUB_SEEN").join("rest");
    let seen = fs_err::read_to_string(seen).unwrap();
    let requests: Vec<(&str, &str)> = seen
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    let all = asks::all();
    assert!(all.len() >= 3, "{all:?}");
    for asked in all {
        let was = requests
            .iter()
            .any(|(method, path)| asked.fits(method, path));
        assert!(was, "no test asks {} {}", asked.method, asked.path());
    }
}

#[test]
#[ignore = "needs real parts"]
fn documents_are_files_of_their_own() {
    let source = tree(&source_tree().join("src"));
    for document in documents() {
        let name = document.file_name().unwrap().to_str().unwrap();
        let folder = document.parent().unwrap();
        let included = format!("include_str!(\"{name}\")");
        let mut users = source.iter().filter(|(path, text)| {
            let place = source_tree().join("src").join(path);
            place.parent() == Some(folder) && text.contains(&included)
        });
        assert!(users.next().is_some(), "nobody includes {name}");
    }
    for (path, text) in &source {
        let is_code = Path::new(path).extension().is_some_and(|end| end == "rs");
        let inline = ["\"mutation ", "\"query ", "\"mutation(", "\"{ viewer"];
        // These words are prose; every operation, whatever its name, is found.
        let text = text.replace("\"query set {}: ", "");
        let found = inline.iter().find(|start| text.contains(**start));
        let is_test = path.contains("tests");
        assert!(
            !is_code || is_test || found.is_none(),
            "src/{path}: put {found:?} into a .graphql file"
        );
    }
}
