//! Listing and searching.

use super::*;
use crate::repo::files::MAX_FILE;

#[tokio::test]
async fn partial_clone_is_completed_or_an_error() {
    for filter in ["--filter=blob:none", "--filter=tree:0"] {
        let world = World::new();
        git(
            &world.remote(),
            &["config", "uploadpack.allowFilter", "true"],
        );
        git(
            &world.remote(),
            &["config", "uploadpack.allowAnySHA1InWant", "true"],
        );
        world.someone_pushes("apps/.weirkeeperignore", "skipped.yaml\n");
        world.someone_pushes("apps/skipped.yaml", "kind: HTTPRoute\n");
        let clone = world.clone("clone", &[filter, "--no-checkout"]);
        git(&clone, &["config", "core.repositoryFormatVersion", "1"]);
        git(&clone, &["config", "extensions.partialClone", "origin"]);
        let repository = open(&clone).await;
        assert!(repository.is_partial());
        let tip = repository.fetch(&main(), "origin").await.unwrap();
        let bare = Files::at(&repository, tip).and_then(|files| files.containing(&["HTTPRoute"]));
        let error = bare.unwrap_err();
        assert!(
            error.message().contains("is missing in this clone"),
            "{error}"
        );

        fs_err::rename(world.remote(), world.path().join("away")).unwrap();
        assert_eq!(
            repository.files(tip).await.unwrap_err().kind(),
            Kind::Remote
        );
        fs_err::rename(world.path().join("away"), world.remote()).unwrap();

        let files = repository.files(tip).await.unwrap();
        let found = files.containing(&["HTTPRoute"]).unwrap();
        let found: Vec<&str> = found.iter().map(|source| &*source.path).collect();
        assert_eq!(found, ["apps/route.yaml"]);
        push_step(&repository, 10).await;
    }
}

#[tokio::test]
async fn both_kinds_of_files_skip_the_same() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    for (path, text) in [
        (".weirkeeperignore", "*.tmp.yaml\n/only-top.yaml\nold/\n"),
        ("deep/.weirkeeperignore", "!keep.tmp.yaml\n/here.yaml\n"),
        ("only-top.yaml", ""),
        ("deep/only-top.yaml", ""),
        ("deep/keep.tmp.yaml", ""),
        ("deep/drop.tmp.yaml", ""),
        ("deep/here.yaml", ""),
        ("deep/er/here.yaml", ""),
        ("a/old/x.yaml", ""),
        ("vendor/x.yaml", ""),
        ("a/node_modules/x.yaml", ""),
        (".github/workflows/x.yml", ""),
        ("deep-er.yaml", ""),
    ] {
        write(&clone, path, text);
    }
    std::os::unix::fs::symlink("apps", clone.join("link")).unwrap();
    std::os::unix::fs::symlink("apps/route.yaml", clone.join("link.yaml")).unwrap();
    git(&clone, &["add", "."]);
    git(&clone, &["commit", "-q", "-m", "files"]);
    let repository = open(&clone).await;
    let tip = repository.tip(&main()).await.unwrap();
    let expected = [
        ".github/workflows/x.yml",
        ".weirkeeperignore",
        "apps/canary.yaml",
        "apps/route.yaml",
        "deep-er.yaml",
        "deep/.weirkeeperignore",
        "deep/er/here.yaml",
        "deep/keep.tmp.yaml",
        "deep/only-top.yaml",
        "run.sh",
    ];
    write(&clone, "nested/.git", "gitdir: elsewhere");
    write(&clone, "nested/x.yaml", "");
    let committed = repository.files(tip).await.unwrap();
    let in_folder = Files::in_folder(&clone).unwrap();
    for files in [&committed, &in_folder] {
        assert_eq!(files.paths().collect::<Vec<_>>(), expected);
        let deep: Vec<&str> = files.folder("deep").collect();
        assert_eq!(
            deep,
            [
                "deep/.weirkeeperignore",
                "deep/keep.tmp.yaml",
                "deep/only-top.yaml"
            ]
        );
        let top: Vec<&str> = files.folder("").collect();
        assert_eq!(top, [".weirkeeperignore", "deep-er.yaml", "run.sh"]);
        assert_eq!(
            files.source("apps/canary.yaml").unwrap().unwrap().text,
            "kind: Canary\n"
        );
        assert!(files.source("link.yaml").unwrap().is_none());
        assert!(!files.contains("apps"));
        let found = files.containing(&["HTTPRoute", "Canary"]).unwrap();
        let found: Vec<&str> = found.iter().map(|source| &*source.path).collect();
        assert_eq!(found, ["apps/canary.yaml", "apps/route.yaml"]);
    }
}

#[tokio::test]
async fn odd_files_matter_only_when_they_are_hit() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    fs_err::write(clone.join("latin.yaml"), b"kind: Caf\xe9\n").unwrap();
    write(&clone, "large.json", &"x".repeat(MAX_FILE + 1));
    let files = Files::in_folder(&clone).unwrap();
    assert_eq!(files.containing(&["HTTPRoute"]).unwrap().len(), 1);
    for word in ["Caf", "xxxx"] {
        assert_eq!(
            files.containing(&[word]).unwrap_err().kind(),
            Kind::Document,
            "{word}"
        );
    }
}

#[tokio::test]
async fn broken_rules_are_an_error_in_both() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    write(&clone, ".gitignore", "[z-a]\n");
    assert!(Files::in_folder(&clone).is_ok(), "Git itself does not mind");
    write(&clone, "apps/.weirkeeperignore", "# mine\n[z-a]\n");
    git(&clone, &["add", "."]);
    git(&clone, &["commit", "-q", "-m", "broken"]);
    let repository = open(&clone).await;
    let tip = repository.tip(&main()).await.unwrap();
    let committed = repository.files(tip).await.map(drop);
    for result in [committed, Files::in_folder(&clone).map(drop)] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), Kind::Document);
        let chain = error.chain();
        assert!(chain.contains("apps/.weirkeeperignore"), "{chain}");
    }
}
