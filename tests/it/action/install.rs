//! How the action comes by the program: a release with a recorded checksum, or
//! its own source.

use std::path::Path;

use super::place::{Place, Ran, VERSION};
use crate::support::files::{Files, Gets};

/// What is built for a release.
pub(crate) const TARGETS: [&str; 4] = [
    "aarch64-apple-darwin",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "x86_64-unknown-linux-musl",
];
const ARCHIVE: &str = "weirkeeper-v0.3.0-x86_64-unknown-linux-musl.tar.gz";
const ADDRESS: &str = "/weirkeeper/weirkeeper/releases/download/v0.3.0/weirkeeper-v0.3.0-x86_64-unknown-linux-musl.tar.gz";

/// A server, and an action of its repository with a release that is recorded as
/// the release workflow does it.
struct Released {
    server: Files,
    place: Place,
    archive: Vec<u8>,
}

impl Released {
    fn new() -> Self {
        let server = Files::start();
        let place = Place::new(&format!("{}/weirkeeper/weirkeeper", server.url()));
        for target in TARGETS {
            let program = place
                .folder()
                .join("binaries")
                .join(target)
                .join("weirkeeper");
            place.executable(&program, &format!("echo released for {target}: \"$@\""));
        }
        let mut released = Self {
            server,
            place,
            archive: Vec::new(),
        };
        released.release(VERSION);
        released.archive =
            fs_err::read(released.place.folder().join("dist").join(ARCHIVE)).unwrap();
        let all = [Gets::All(released.archive.clone())];
        released.server.serve(ADDRESS, all);
        released
    }

    /// Packs and records the binaries as `version`.
    fn release(&mut self, version: &str) {
        let place = &mut self.place;
        place.set("SOURCE_DATE_EPOCH", "1767225600");
        let folder = |name: &str| place.folder().join(name).display().to_string();
        let (binaries, dist) = (folder("binaries"), folder("dist"));
        let tag = format!("v{version}");
        place
            .script(".github/release/pack.sh", &[&tag, &binaries, &dist])
            .fine();
        place
            .script(".github/release/record.sh", &[&tag, &dist])
            .fine();
    }

    fn checksums(&self) -> String {
        fs_err::read_to_string(self.place.source("action/checksums")).unwrap()
    }

    /// Finds and downloads.
    fn download(&mut self) -> Ran {
        let found = self.place.find().fine();
        assert_eq!(found.output("kind"), "release", "{}", found.text);
        self.place.take(&found);
        self.place.script("action/download.sh", &[])
    }

    /// Takes it that a refused download left nothing that could be run.
    fn nothing_is_left(&self, ran: &Ran) {
        assert!(ran.outputs.is_empty(), "{:?}", ran.outputs);
        assert_eq!(self.place.files("tools"), Vec::<String>::new());
        assert_eq!(self.place.files("temp"), Vec::<String>::new());
    }
}

fn runs(place: &mut Place, binary: &str) -> String {
    place.set("ACTION_MADE", binary);
    place.set("ACTION_COMMAND", "step");
    place.set("ACTION_EXTRA_ARGS", "--dry-run");
    place.script("action/run.sh", &[]).fine().text
}

#[test]
fn a_release_is_fetched_once_verified_and_run() {
    let mut released = Released::new();
    let ran = released.download().fine();
    assert!(ran.text.contains("sha256"), "{}", ran.text);
    assert_eq!(released.server.asked(), [ADDRESS]);
    assert_eq!(
        runs(&mut released.place, ran.output("binary")),
        "released for x86_64-unknown-linux-musl: step --dry-run\n"
    );
    assert_eq!(released.place.files("tools"), [ARCHIVE], "what is cached");

    let again = released.download().fine();
    assert_eq!(released.server.asked(), Vec::<String>::new());
    assert!(Path::new(again.output("binary")).is_file());
}

#[test]
fn a_kept_archive_that_was_spoiled_is_fetched_again() {
    let mut released = Released::new();
    let folder = released.place.find().fine().output("folder").to_owned();
    let kept = Path::new(&folder).join(ARCHIVE);
    released.place.write(&kept, "what somebody else put there");
    released.download().fine();
    assert_eq!(released.server.asked(), [ADDRESS]);
    assert_eq!(fs_err::read(kept).unwrap(), released.archive);
}

#[test]
fn an_archive_with_another_checksum_is_refused() {
    let mut released = Released::new();
    let mut other = released.archive.clone();
    *other.last_mut().unwrap() ^= 1;
    released.server.serve(ADDRESS, [Gets::All(other)]);
    let ran = released.download();
    ran.refused(&["is not what was released", ADDRESS, "recorded is"]);
    assert_eq!(released.server.asked(), [ADDRESS], "no second attempt");
    released.nothing_is_left(&ran);
}

#[test]
fn an_interrupted_download_is_begun_again() {
    let mut released = Released::new();
    let all = released.archive.clone();
    let half = Gets::Half(all.clone());
    released.server.serve(
        ADDRESS,
        [half.clone(), Gets::Status(503), Gets::All(all.clone())],
    );
    released.download().fine();
    assert_eq!(released.server.asked().len(), 3);

    let mut released = Released::new();
    released.server.serve(ADDRESS, [half]);
    let ran = released.download();
    ran.refused(&["Cannot fetch", ADDRESS, "'binary'"]);
    assert_eq!(released.server.asked().len(), 3);
    released.nothing_is_left(&ran);
}

#[test]
fn what_is_not_there_is_asked_for_once() {
    let mut released = Released::new();
    released.server.serve(ADDRESS, [Gets::Status(404)]);
    let ran = released.download();
    ran.refused(&["Cannot fetch", ADDRESS]);
    assert_eq!(released.server.asked().len(), 1);
    released.nothing_is_left(&ran);
}

#[test]
fn redirects_are_followed_within_the_protocol() {
    let mut released = Released::new();
    let there = format!("{}/elsewhere", released.server.url());
    let all = Gets::All(released.archive.clone());
    released.server.serve("/elsewhere", [all]);
    released.server.serve(ADDRESS, [Gets::Redirect(there)]);
    released.download().fine();

    let mut released = Released::new();
    let local = format!("file://{}", released.place.source("Cargo.toml").display());
    released.server.serve(ADDRESS, [Gets::Redirect(local)]);
    let ran = released.download();
    ran.refused(&["Cannot fetch"]);
    released.nothing_is_left(&ran);
}

#[test]
fn the_attestation_is_verified_where_the_token_belongs() {
    const GH: &str = "case \"$*\" in *--help) exit 0 ;; esac\necho \"gh with $GH_TOKEN: $*\"\n";
    let attested = |answer: &str, server: Option<&str>| {
        let mut released = Released::new();
        let url = released.server.url();
        released.place.program("gh", &format!("{GH}{answer}"));
        released.place.set("ACTION_GITHUB_TOKEN", "ghs_a1");
        released
            .place
            .set("GITHUB_SERVER_URL", server.unwrap_or(&url));
        let ran = released.download();
        (released, ran)
    };
    let (released, ran) = attested("exit 0", None);
    let host = released.server.url().replace("http://", "");
    let expected = format!(
        " --hostname {host} --repo weirkeeper/weirkeeper --signer-workflow \
         {host}/weirkeeper/weirkeeper/.github/workflows/release.yml --deny-self-hosted-runners"
    );
    let ran = ran.fine();
    assert!(
        ran.text.contains("gh with ghs_a1: attestation verify "),
        "{}",
        ran.text
    );
    assert!(ran.text.contains(&expected), "{}", ran.text);
    assert!(ran.text.contains("attestation verified"), "{}", ran.text);

    let failed = |said: &str| attested(&format!("echo '{said}'\nexit 1"), None);
    for wrong in [
        "✗ Sigstore verification failed\n\nError: verifying with issuer \"sigstore.dev\"",
        "✗ Policy verification failed\n\nError: expected SourceRepositoryURI to be x",
        "✗ No attestations found for subject sha256:0",
        "✗ Loading attestations from GitHub API failed\n\nError: HTTP 404: Not Found (x)",
    ] {
        let (released, ran) = failed(wrong);
        ran.refused(&["attestation", ARCHIVE, "'binary'"]);
        assert_eq!(ran.text.matches("gh with").count(), 1, "{}", ran.text);
        released.nothing_is_left(&ran);
    }

    for away in [
        "✗ Loading attestations from GitHub API failed\n\nError: HTTP 503: try later (x)",
        "✗ Sigstore verification failed\n\nError: failed to create TUF client: timeout",
    ] {
        let (_released, ran) = failed(away);
        let ran = ran.fine();
        let warning = "::warning title=Weirkeeper::The attestation of ";
        assert!(ran.text.contains(warning), "{}", ran.text);
        assert_eq!(ran.text.matches("gh with").count(), 3, "{}", ran.text);
        assert!(Path::new(ran.output("binary")).is_file());
    }

    let (_, ran) = attested("exit 1", Some("https://ghe.example.com"));
    let ran = ran.fine();
    assert!(
        ran.text.contains("attestation not asked for"),
        "{}",
        ran.text
    );
    assert!(!ran.text.contains("ghs_a1"), "{}", ran.text);
}

/// macOS has neither sha256sum nor the paths of Linux.
#[test]
fn macos_needs_nothing_but_what_it_has() {
    for (processor, target) in [("arm64", TARGETS[0]), ("x86_64", TARGETS[2])] {
        let mut released = Released::new();
        let name = format!("weirkeeper-v0.3.0-{target}.tar.gz");
        let archive = fs_err::read(released.place.folder().join("dist").join(&name)).unwrap();
        released.server.serve(
            &format!("/weirkeeper/weirkeeper/releases/download/v0.3.0/{name}"),
            [Gets::All(archive)],
        );
        released.place.machine("Darwin", processor);
        released.place.only(&[
            "bash", "cat", "curl", "env", "find", "gzip", "mkdir", "mktemp", "mv", "paste", "rm",
            "sed", "sh", "shasum", "sort", "tar", "xargs", "printf",
        ]);
        let ran = released.download().fine();
        assert_eq!(
            runs(&mut released.place, ran.output("binary")),
            format!("released for {target}: step --dry-run\n")
        );
    }
}

#[test]
fn each_machine_gets_its_archive() {
    let released = Released::new();
    for (system, processor, target) in [
        ("Linux", "x86_64", TARGETS[3]),
        ("Linux", "aarch64", TARGETS[1]),
        ("Linux", "arm64", TARGETS[1]),
        ("Darwin", "arm64", TARGETS[0]),
        ("Darwin", "x86_64", TARGETS[2]),
    ] {
        released.place.machine(system, processor);
        let found = released.place.find().fine();
        let release = format!("weirkeeper-v0.3.0-{target}");
        let recorded = format!("{}  {release}.tar.gz", found.output("sum"));
        assert!(released.checksums().lines().any(|line| line == recorded));
        assert_eq!(found.output("release"), release);
        assert_eq!(found.output("tag"), "v0.3.0");
        let key = format!("{release}-{}", found.output("sum"));
        assert_eq!(found.output("key"), key);
        let folder = released.place.folder().join("tools/weirkeeper").join(key);
        assert_eq!(found.output("folder"), folder.display().to_string());
    }
    released.place.machine("Linux", "riscv64");
    assert_eq!(released.place.find().fine().output("kind"), "source");
    for system in ["MINGW64_NT-10.0-20348", "Windows_NT"] {
        released.place.machine(system, "x86_64");
        released
            .place
            .find()
            .refused(&["Linux and macOS", "'runs-on'"]);
    }
}

#[test]
fn a_commit_that_is_no_release_is_built() {
    let mut released = Released::new();
    assert_eq!(released.place.find().fine().output("kind"), "release");
    released
        .place
        .write(&released.place.source("src/new.rs"), "");
    assert_eq!(released.place.find().fine().output("kind"), "source");
    released.place.set("ACTION_VERSION", VERSION);
    assert_eq!(released.place.find().fine().output("kind"), "release");

    let unreleased = Place::new("https://github.com/weirkeeper/weirkeeper");
    let found = unreleased.find().fine();
    assert_eq!(found.output("kind"), "source");
    assert!(!found.outputs.contains_key("sum"), "{:?}", found.outputs);
}

#[test]
fn another_version_needs_a_recorded_checksum() {
    let mut released = Released::new();
    released.release("0.4.0-rc.1");
    for version in ["0.4.0-rc.1", "v0.4.0-rc.1"] {
        released.place.set("ACTION_VERSION", version);
        let found = released.place.find().fine();
        assert_eq!(found.output("tag"), "v0.4.0-rc.1");
        assert_eq!(
            found.output("release"),
            "weirkeeper-v0.4.0-rc.1-x86_64-unknown-linux-musl"
        );
    }
    released.place.set("ACTION_VERSION", "9.9.9");
    released.place.find().refused(&[
        "No checksum is recorded here for Weirkeeper 9.9.9 on x86_64-unknown-linux-musl",
        "recorded are: 0.3.0 0.4.0-rc.1.",
        "Use the action at v9.9.9 itself",
    ]);
    released.place.machine("Linux", "riscv64");
    released
        .place
        .find()
        .refused(&["on Linux riscv64", "recorded are: none."]);
    for version in [
        "latest",
        "1.0",
        "0.3.0 ",
        "../0.3.0",
        "0.3.0\n::error::x",
        "0.3.0-$(id)",
    ] {
        released.place.set("ACTION_VERSION", version);
        released
            .place
            .find()
            .refused(&["'version'", "such as 0.3.0"]);
    }
    released.place.set("ACTION_VERSION", "0.3.0");
    released.place.set("ACTION_BINARY", "./weirkeeper");
    released.place.find().refused(&["'binary' and 'version'"]);
}

#[test]
fn a_given_binary_needs_nothing_else() {
    let mut place = Place::new("https://github.com/weirkeeper/weirkeeper");
    place.set("ACTION_BINARY", "./weirkeeper");
    place.machine("MINGW64_NT-10.0-20348", "x86_64");
    let found = place.find().fine();
    let outputs: Vec<_> = found.outputs.iter().collect();
    assert_eq!(outputs, [(&"kind".to_owned(), &"given".to_owned())]);
}

/// The repository that is released must not choose how its keeper is built.
#[test]
fn the_source_is_built_in_its_own_folder_once() {
    let mut place = Place::new("https://github.com/weirkeeper/weirkeeper");
    place.program(
        "cargo",
        "echo \"cargo in $PWD: $*\"
        mkdir -p \"$RUNNER_TEMP/weirkeeper-target/release\"
        cd \"$RUNNER_TEMP/weirkeeper-target/release\"
        printf '#!/bin/sh\\necho built: \"$@\"\\n' >weirkeeper
        chmod +x weirkeeper",
    );
    let found = place.find().fine();
    place.take(&found);
    let built = place.script("action/build.sh", &[]).fine();
    let expected = format!(
        "cargo in {}: build --release --locked --bin weirkeeper",
        place.source("").display().to_string().trim_end_matches('/')
    );
    assert!(built.text.contains(&expected), "{}", built.text);
    assert_eq!(place.files("tools"), ["weirkeeper"]);
    assert_eq!(
        runs(&mut place, built.output("binary")),
        "built: step --dry-run\n"
    );
    let again = place.script("action/build.sh", &[]).fine();
    assert_eq!(again.text, "");
    assert_eq!(again.output("binary"), built.output("binary"));
}

#[test]
fn a_machine_without_rust_is_told_what_to_do() {
    let mut place = Place::new("https://github.com/weirkeeper/weirkeeper");
    fs_err::remove_file(place.folder().join("bin/cargo")).unwrap();
    place.only(&["bash", "env", "find", "paste", "sed", "sha256sum", "sort"]);
    place.find().refused(&["needs Rust 1.95", "'binary'"]);
}

#[test]
fn key_follows_the_source_and_the_compiler() {
    let place = Place::new("https://github.com/weirkeeper/weirkeeper");
    let key = || place.find().fine().output("key").to_owned();
    let first = key();
    assert_eq!(key(), first);
    for path in [
        "src/main.rs",
        "templates/summary.md",
        "src/new.rs",
        "Cargo.lock",
    ] {
        let before = key();
        place.write(&place.source(path), "changed");
        assert_ne!(key(), before, "{path}");
    }
    let before = key();
    place.write(&place.source("action/checksums"), "# another comment\n");
    assert_eq!(key(), before, "what is recorded is no part of the source");
    place.program("rustc", "echo rustc 1.96.0");
    assert_ne!(key(), before);
}

/// What is built is what machines look for, and what is told to be released.
#[test]
fn the_release_workflow_builds_every_target() {
    let (_, text) = super::workflows("workflows")
        .into_iter()
        .find(|(path, _)| path.ends_with("release.yml"))
        .unwrap();
    let workflow: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    let matrix = &workflow["jobs"]["build"]["strategy"]["matrix"]["include"];
    let built = matrix.as_sequence().unwrap().iter();
    let mut built: Vec<&str> = built.map(|job| job["target"].as_str().unwrap()).collect();
    built.sort_unstable();
    assert_eq!(built, TARGETS);
}

#[test]
fn the_checksums_are_committed_onto_what_was_built() {
    let mut place = Place::new("https://github.com/weirkeeper/weirkeeper");
    place.set("GITHUB_REPOSITORY", "weirkeeper/weirkeeper");
    place.program(
        "gh",
        "case \"$*\" in
        *DELETE*) exit 1 ;;
        *graphql*) for word in \"$@\"; do
            case $word in contents=@*) cat \"${word#contents=@}\" >contents ;; esac
            echo \"$word\" >>words
          done
          echo c0ffee ;;
        *) echo \"$*\" >refs ;;
        esac",
    );
    let checksums = place.source("action/checksums").display().to_string();
    let arguments = ["release/v0.3.0", "bu117", "Record it", &checksums];
    let ran = place.script(".github/release/commit.sh", &arguments).fine();
    assert_eq!(ran.output("commit"), "c0ffee");
    let read = |name: &str| fs_err::read_to_string(place.folder().join(name)).unwrap();
    assert_eq!(read("contents"), "IyBub25lIHlldAo=", "# none yet");
    let refs = "api --silent repos/weirkeeper/weirkeeper/git/refs --raw-field \
                ref=refs/heads/release/v0.3.0 --raw-field sha=bu117\n";
    assert_eq!(read("refs"), refs);
    let words = read("words");
    for word in ["parent=bu117", "message=Record it", "branch=release/v0.3.0"] {
        assert!(words.lines().any(|line| line == word), "{word}: {words}");
    }
}

#[test]
fn the_same_binaries_make_the_same_release() {
    let mut released = Released::new();
    let first = released.checksums();
    let mut again = Released::new();
    again.place.write(
        &again.place.source("Cargo.toml"),
        fs_err::read(released.place.source("Cargo.toml")).unwrap(),
    );
    again.release(VERSION);
    assert_eq!(again.checksums(), first);
    // Another version is added, the same one replaced.
    released.release("0.4.0");
    let both = released.checksums();
    assert!(both.starts_with(&first), "{both}");
    assert_eq!(both.lines().count(), first.lines().count() + 5);
    released.release("0.4.0");
    assert_eq!(released.checksums(), both);
}
