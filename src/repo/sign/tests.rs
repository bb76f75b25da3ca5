//! Signatures that Git itself verifies.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command as Program;

use super::*;
use crate::error::Kind;
use crate::repo::Signature;
use crate::repo::testing::{World, environment, git};

/// Makes a key in the folder of `world`.
fn key(world: &World, name: &str, passphrase: &str) -> PathBuf {
    let file = world.path().join(name);
    let made = Program::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-C", "bot", "-N", passphrase, "-f"])
        .arg(&file)
        .status();
    assert!(made.unwrap().success());
    file
}

fn options() -> GitOptions {
    GitOptions {
        environment: environment(),
        ..GitOptions::default()
    }
}

async fn open(world: &World, key: &Path) -> Result<Repository> {
    let repository = Repository::open(&world.remote(), options()).await.unwrap();
    repository.signed_with(key).await
}

/// Two commits on top of one another; the name of the last one.
async fn commit(repository: &Repository) -> String {
    let author = Signature {
        name: "weirkeeper[bot]".into(),
        email: "bot@example.com".into(),
        time: "2024-05-02T08:00:00Z".parse().unwrap(),
    };
    let branch = repository.branch(None).await.unwrap();
    let tip = repository.tip(&branch).await.unwrap();
    let mut commits = repository.commits_on(tip).unwrap();
    for weight in ["weight: 1\n", "weight: 2\n"] {
        let route = BTreeMap::from([("apps/route.yaml".to_owned(), Some(weight.to_owned()))]);
        commits.add(&route, "a\n\nKey: ü\n", &author).unwrap();
    }
    repository.store(commits).await.unwrap().to_string()
}

/// What Git says about the signature of `commit`, with the key of `file` allowed.
fn verified(world: &World, file: &Path, commit: &str) -> String {
    let public = fs_err::read_to_string(file.with_extension("pub")).unwrap();
    let allowed = world.path().join("allowed");
    fs_err::write(&allowed, format!("bot@example.com {public}")).unwrap();
    let setting = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
    let answer = git(
        &world.remote(),
        &[
            "-c",
            &setting,
            "log",
            "-2",
            "--format=%G? %GS %an %ae %ct %s%n%b",
            commit,
        ],
    );
    git(&world.remote(), &["-c", &setting, "verify-commit", commit]);
    answer
}

#[tokio::test]
async fn git_says_the_signature_is_good() {
    let world = World::new();
    let file = key(&world, "key", "");
    let repository = open(&world, &file).await.unwrap();
    assert!(repository.signs());
    let name = commit(&repository).await;
    let one = "G bot@example.com weirkeeper[bot] bot@example.com 1714636800 a\nKey: ü";
    assert_eq!(verified(&world, &file, &name), format!("{one}\n\n{one}"));
    git(&world.remote(), &["fsck", "--strict"]);
}

#[tokio::test]
async fn the_key_itself_with_line_breaks_of_windows_and_none_at_its_end() {
    let world = World::new();
    let file = key(&world, "key", "");
    let text = fs_err::read_to_string(&file).unwrap();
    let text = text.trim_end().replace('\n', "\r\n");
    let repository = open(&world, Path::new(&text)).await.unwrap();
    let name = commit(&repository).await;
    assert!(verified(&world, &file, &name).starts_with("G "));
    assert!(!format!("{repository:?}").contains("BEGIN"));
}

#[tokio::test]
async fn keys_that_cannot_sign_are_refused_without_a_question() {
    let world = World::new();
    let locked = key(&world, "locked", "a long passphrase");
    let open_to_all = key(&world, "open", "");
    fs_err::set_permissions(&open_to_all, std::fs::Permissions::from_mode(0o644)).unwrap();
    let none = world.path().join("none");
    let text = "-----BEGIN OPENSSH PRIVATE KEY-----\ns3cret\n-----END OPENSSH PRIVATE KEY-----";
    for (given, said) in [
        (&*locked, "has a passphrase"),
        (&*open_to_all, "may be read by others"),
        (&*locked.with_extension("pub"), "no private SSH key"),
        (&*none, "names no file"),
        (Path::new("s3cret\nwithout its first line"), "names no file"),
        (Path::new(text), "no private SSH key"),
    ] {
        // The public half is as open as it should be.
        if given.extension().is_some() {
            fs_err::set_permissions(given, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        let error = open(&world, given).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.message().contains(said), "{}", error.chain());
        let all = format!("{} {:?}", error.chain(), error.hints());
        let folder = world.path().display().to_string();
        assert!(!all.contains("s3cret") && !all.contains(&folder), "{all}");
    }
}

#[tokio::test]
async fn without_ssh_keygen_it_is_named() {
    let world = World::new();
    let file = key(&world, "key", "");
    let nowhere = GitOptions {
        environment: vec![("PATH".into(), "/nonexistent".into())],
        ..GitOptions::default()
    };
    let signer = Signer::new(&file, &nowhere, LIMIT).unwrap();
    let error = signer.check().await.unwrap_err();
    assert!(
        error.message().contains("cannot run `ssh-keygen`"),
        "{error}"
    );
    assert!(error.hints()[0].contains("OpenSSH"), "{error:?}");
}

#[tokio::test]
async fn one_that_hangs_is_ended() {
    let world = World::new();
    let file = key(&world, "key", "");
    let folder = world.path().join("bin");
    crate::repo::testing::write(&folder, "ssh-keygen", "#!/bin/sh\nexec sleep 1000\n");
    let program = folder.join("ssh-keygen");
    fs_err::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let slow = GitOptions {
        environment: vec![("PATH".into(), format!("{}:/usr/bin:/bin", folder.display()))],
        ..GitOptions::default()
    };
    let signer = Signer::new(&file, &slow, Duration::from_millis(50)).unwrap();
    let error = signer.sign(b"text").unwrap_err();
    assert!(error.message().contains("took longer than 50ms"), "{error}");
    let all = format!("{error:?}");
    assert!(!all.contains(&*file.display().to_string()), "{all}");
}
