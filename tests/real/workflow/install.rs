//! The action that brings its program along.

use std::path::PathBuf;

use super::{act_with, copy_of_the_action, given, guarded, read};
use crate::gitops::GitOps;
use crate::parts::{command, succeed};
use crate::rollout::{at, at_half, history};
use crate::support::files::{Files, Gets};

const TARGET: &str = "x86_64-unknown-linux-musl";

/// A released action, the path of its archive, and the archive.
fn released(world: &GitOps, server: &Files) -> (PathBuf, String, Vec<u8>) {
    use std::os::unix::fs::PermissionsExt as _;
    let source = copy_of_the_action(world);
    let write = |path: &str, text: &str| {
        let path = source.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    };
    for path in ["Cargo.lock", "src/main.rs", "templates/summary.md"] {
        write(path, "");
    }
    for path in [
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        ".github/release/pack.sh",
        ".github/release/record.sh",
    ] {
        write(path, &read(path));
    }
    let home = "https://github.com/weirkeeper/weirkeeper";
    let manifest = read("Cargo.toml");
    assert!(manifest.contains(home), "{manifest}");
    let there = format!("{}/weirkeeper/weirkeeper", server.url());
    write("Cargo.toml", &manifest.replace(home, &there));

    let program = world
        .root()
        .join("binaries")
        .join(TARGET)
        .join("weirkeeper");
    fs_err::create_dir_all(program.parent().unwrap()).unwrap();
    let script = format!(
        "#!/bin/sh\nexec {} \"$@\"\n",
        env!("CARGO_BIN_EXE_weirkeeper")
    );
    fs_err::write(&program, script).unwrap();
    let tag = concat!("v", env!("CARGO_PKG_VERSION"));
    for script in ["pack.sh", "record.sh"] {
        let path = source.join(".github/release").join(script);
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = command(&path);
        command.env("SOURCE_DATE_EPOCH", "1767225600").arg(tag);
        if script == "pack.sh" {
            command.arg(world.root().join("binaries"));
        }
        succeed(command.arg(world.root().join("dist")));
    }
    let archive = format!("weirkeeper-{tag}-{TARGET}.tar.gz");
    let address = format!("/weirkeeper/weirkeeper/releases/download/{tag}/{archive}");
    let bytes = fs_err::read(world.root().join("dist").join(archive)).unwrap();
    server.serve(&address, [Gets::All(bytes.clone())]);
    (source, address, bytes)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn a_released_action_runs_what_was_released() {
    let prometheus = history();
    let world = at_half(&prometheus);
    let server = guarded(&world).await;
    let releases = Files::start();
    let (source, address, archive) = released(&world, &releases);
    let before = world.tip();
    let more = format!("          extra-args: --now {}\n", at(7));
    let version = concat!("version: ", env!("CARGO_PKG_VERSION"));
    let workflow = given("scheduled.yml", &prometheus.url(), version, &more);
    let run = || {
        act_with(
            &world,
            &server,
            "workflow_dispatch",
            &workflow,
            &source,
            &[],
        )
    };

    let mut other = archive.clone();
    *other.last_mut().unwrap() ^= 1;
    let address = address.as_str();
    releases.serve(address, [Gets::All(other)]);
    let ran = run();
    assert!(!ran.success, "{}", ran.text);
    assert!(
        ran.text.contains("is not what was released"),
        "{}",
        ran.text
    );
    assert_eq!(world.tip(), before);

    releases.serve(address, [Gets::All(archive)]);
    let ran = run();
    assert!(ran.success, "{}", ran.text);
    assert_eq!(ran.output("changed"), Some("true"), "{}", ran.text);
    assert_ne!(world.tip(), before);

    releases.asked();
    let ran = run();
    assert!(ran.success, "{}", ran.text);
    let asked = releases.asked();
    assert!(asked.is_empty(), "a kept archive is not fetched: {asked:?}");
}
