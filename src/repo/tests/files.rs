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
        assert_eq!(files.paths().unwrap().collect::<Vec<_>>(), expected);
        let deep: Vec<&str> = files.folder("deep").unwrap().collect();
        assert_eq!(
            deep,
            [
                "deep/.weirkeeperignore",
                "deep/keep.tmp.yaml",
                "deep/only-top.yaml"
            ]
        );
        let top: Vec<&str> = files.folder("").unwrap().collect();
        assert_eq!(top, [".weirkeeperignore", "deep-er.yaml", "run.sh"]);
        assert_eq!(
            files.source("apps/canary.yaml").unwrap().unwrap().text,
            "kind: Canary\n"
        );
        assert!(files.source("link.yaml").unwrap().is_none());
        assert!(!files.contains("apps").unwrap());
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

/// With the memory of the runs before, a commit must look as it does without.
#[tokio::test]
async fn memory_of_clean_folders_changes_nothing() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    let canary = "apiVersion: flagger.app/v1beta1\nkind: Canary\n";
    for (path, text) in [
        ("apps/a/canary.yaml", canary),
        ("apps/a/deep/x.yaml", "x: 1\n"),
        ("apps/b/x.yaml", "x: 2\n"),
        ("apps/b/deep/y.yaml", "y: 1\n"),
        ("apps/c/.weirkeeperignore", "old/\n*.tmp.yaml\n"),
        ("apps/c/old/canary.yaml", canary),
        ("apps/c/d/canary.tmp.yaml", canary),
        ("apps/c/e/x.yaml", "x: 3\n"),
        ("apps/d/vendor/canary.yaml", canary),
        ("apps/d/vendor-not/x.yaml", "x: 4\n"),
        ("apps/d/canary.txt", canary),
        ("z.yaml", "z: 1\n"),
    ] {
        write(&clone, path, text);
    }
    let commit = |message: &str| {
        git(&clone, &["add", "--all"]);
        git(&clone, &["commit", "-q", "-m", message]);
    };
    commit("start");
    type Change = (&'static str, fn(&Path));
    let changes: [Change; 9] = [
        ("nothing", |_| {}),
        ("file added", |clone| {
            write(clone, "apps/b/deep/canary.json", "flagger.app/");
        }),
        ("file removed", |clone| {
            fs_err::remove_file(clone.join("apps/b/deep/canary.json")).unwrap();
        }),
        ("folder renamed", |clone| {
            fs_err::rename(clone.join("apps/d/vendor"), clone.join("apps/d/own")).unwrap();
        }),
        ("ignore file removed", |clone| {
            fs_err::remove_file(clone.join("apps/c/.weirkeeperignore")).unwrap();
        }),
        ("ignore file added", |clone| {
            write(clone, ".weirkeeperignore", "/apps/b/deep/\n");
        }),
        ("ignored folder moved", |clone| {
            fs_err::rename(clone.join("apps/b/deep"), clone.join("apps/b/moved")).unwrap();
        }),
        ("file renamed", |clone| {
            fs_err::rename(
                clone.join("apps/d/canary.txt"),
                clone.join("apps/d/canary.yml"),
            )
            .unwrap();
        }),
        ("no Canary any more", |clone| {
            git(clone, &["rm", "-r", "-q", "apps/a", "apps/c", "apps/d"]);
        }),
    ];
    for (what, change) in changes {
        change(&clone);
        git(&clone, &["add", "--all"]);
        git(
            &clone,
            &["commit", "-q", "--allow-empty", "--message", what],
        );
        let repository = open(&clone).await;
        let tip = repository.tip(&main()).await.unwrap();
        let whole = Files::at(&repository, tip).unwrap();
        let paths: Vec<&str> = whole.paths().unwrap().collect();
        let found = whole.naming_group().unwrap();
        // From the file of the round before, from the memory of this process, with what it wrote.
        for repository in [&repository, &repository, &open(&clone).await] {
            let files = repository.files(tip).await.unwrap();
            assert_eq!(files.naming_group().unwrap(), found, "{what}");
            for path in &paths {
                let files = repository.files(tip).await.unwrap();
                let (folder, _) = path.rsplit_once('/').unwrap_or_default();
                let below = |files: &Files| -> Vec<String> {
                    let below = files.below(folder).unwrap();
                    below.map(str::to_owned).collect()
                };
                assert_eq!(below(&files), below(&whole), "{what}: {folder}");
                let files = repository.files(tip).await.unwrap();
                assert!(files.contains(path).unwrap(), "{what}: {path}");
                assert!(files.read(path).unwrap().is_some(), "{what}: {path}");
                let other = format!("{path}/none");
                assert!(!files.contains(&other).unwrap(), "{what}: {other}");
            }
            let files = repository.files(tip).await.unwrap();
            assert_eq!(files.paths().unwrap().collect::<Vec<_>>(), paths, "{what}");
        }
    }
}

#[tokio::test]
async fn clean_folders_are_looked_into_only_when_asked_for() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    write(
        &clone,
        "apps/canary.yaml",
        "apiVersion: flagger.app/v1beta1\n",
    );
    write(&clone, "other/deep/x.yaml", "x: 1\n");
    write(
        &clone,
        "infra/edge.yaml",
        "kind: Gateway\nspec: {gatewayClassName: edge}\n",
    );
    git(&clone, &["add", "."]);
    git(&clone, &["commit", "-q", "-m", "files"]);
    let repository = open(&clone).await;
    repository.look_ahead(&main()).await;
    let memory = fs_err::read_to_string(clone.join(".git/weirkeeper/clean")).unwrap();
    let other = git(&clone, &["rev-parse", "HEAD:other"]);
    assert_eq!(memory, format!("weirkeeper clean 3\n{other}\n"));

    // A folder that is missing is an error for the first who needs it.
    let (start, end) = other.split_at(2);
    fs_err::remove_file(clone.join(".git/objects").join(start).join(end)).unwrap();
    let repository = open(&clone).await;
    let tip = repository.tip(&main()).await.unwrap();
    let files = repository.files(tip).await.unwrap();
    assert_eq!(files.naming_group().unwrap().len(), 1);
    assert_eq!(files.scan_gateways().unwrap()[0].0, "infra/edge.yaml");
    assert!(files.contains("apps/canary.yaml").unwrap());
    assert_eq!(files.below("apps").unwrap().count(), 2);
    for error in [
        files.contains("other/x.yaml").err(),
        files.below("").map(drop).err(),
        files.below("other/deep").map(drop).err(),
        files.paths().map(drop).err(),
        files.containing(&["x"]).map(drop).err(),
    ] {
        let error = error.unwrap();
        assert!(error.message().contains("is missing"), "{error}");
    }

    let foreign = memory.replace("clean 3", "clean 1");
    fs_err::write(clone.join(".git/weirkeeper/clean"), foreign).unwrap();
    let files = open(&clone).await.files(tip).await;
    assert_eq!(files.unwrap_err().kind(), Kind::Remote);
}

#[test]
fn files_of_nothing_but_memory() {
    let texts = [
        ("apps/a.yaml", "kind: Canary # flagger.app/"),
        ("b.txt", ""),
    ];
    let texts = texts.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let files = Files::in_memory(texts.into());
    assert_eq!(files.naming_group().unwrap()[0].0, "apps/a.yaml");
    assert_eq!(files.read("b.txt").unwrap().unwrap(), b"");
    assert_eq!(files.read("c.txt").unwrap(), None);
    let taken = ["apps/a.yaml", "apps", "c.txt"].map(|path| files.is_taken(path).unwrap());
    assert_eq!(taken, [true, true, false]);
}
