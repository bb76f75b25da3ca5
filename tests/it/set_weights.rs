//! The plumbing that patches weights.

use crate::support::gitops::World;
use crate::support::program::call;
use crate::support::world::git;
use crate::support::{assert_ran, corpus};

const BACKENDS: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
spec:
  rules:
  - backendRefs:
    - {name: a, weight: 100} # most
    - {name: b, weight: 0}
";

#[test]
fn set_weights_in_a_pipe() {
    let ran = call(["set-weights", "-", "a=70", "b=30"])
        .stdin(BACKENDS)
        .run()
        .exits(0);
    assert_eq!(ran.stderr, "");
    let wanted = BACKENDS
        .replace("weight: 100", "weight: 70")
        .replace("weight: 0", "weight: 30");
    assert_eq!(ran.stdout, wanted);
}

#[test]
fn set_weights_in_place_keeps_permissions_and_links() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (
        folder.path().join("route.yaml"),
        folder.path().join("link.yaml"),
    );
    fs_err::write(&file, BACKENDS).unwrap();
    fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("route.yaml", &link).unwrap();
    let ran = call(["set-weights", "-i"])
        .arg(&link)
        .args(["a=1", "b=99"])
        .run()
        .exits(0);
    assert_eq!((&*ran.stdout, &*ran.stderr), ("", ""));
    let wanted = BACKENDS
        .replace("weight: 100", "weight: 1")
        .replace("weight: 0", "weight: 99");
    assert_eq!(fs_err::read_to_string(&file).unwrap(), wanted);
    assert!(fs_err::symlink_metadata(&link).unwrap().is_symlink());
    let mode = fs_err::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn set_weights_that_cannot_be_set() {
    let world = World::new([("route.yaml", BACKENDS), ("pod.yaml", "kind: Pod\n")]);
    let call = |list: &[&str]| world.weirkeeper(["set-weights"]).args(list).run();
    assert_ran!(world, call(&["route.yaml", "a=70", "c=30"]).exits(3), @"
    exit code: 3
    ----- stderr
    error: the weights in route.yaml cannot be set
    error: no rule has the backends `a` and `c` together; rule 0 of without a name has `a`, `b`
     --> route.yaml:4:3
      |
    4 |   rules:
      |   ^^^^^
      |
      = help: add both backends to the backendRefs of the rule that should shift traffic
    ");
    assert_ran!(world, call(&["route.yaml", "a=2000000"]).exits(3), @"
    exit code: 3
    ----- stderr
    error: the weights in route.yaml cannot be set
    error: the weight 2000000 of `a` is not from 0 to 1000000
     --> route.yaml:1:1
      |
    1 | apiVersion: gateway.networking.k8s.io/v1
      | ^
    ");
    assert_ran!(world, call(&["route.yaml", "a=many"]).exits(2), @"
    exit code: 2
    ----- stderr
    error: `a=many` is not NAME=WEIGHT
    hint: write podinfo-canary=10
    ");
    assert_ran!(world, call(&["pod.yaml", "a=1"]).exits(3), @"
    exit code: 3
    ----- stderr
    error: the weights in pod.yaml cannot be set
    error: the file has no HTTPRoute, GRPCRoute, TCPRoute or TLSRoute of gateway.networking.k8s.io
     --> pod.yaml:1:1
      |
    1 | kind: Pod
      | ^
    ");
    assert_ran!(world, call(&["gone.yaml", "a=1"]).exits(2), @"
    exit code: 2
    ----- stderr
    error: cannot read the manifest
      because: failed to open file `gone.yaml`: No such file or directory (os error 2)
    ");
    assert_ran!(world, call(&["-i", "-", "a=1"]).exits(2), @"
    exit code: 2
    ----- stderr
    error: --in-place needs a file, not standard input
    ");
    assert_eq!(git(&world.checkout(), &["status", "--porcelain"]), "");
}

#[test]
fn corpus_of_routes() {
    let Some(folder) = corpus("httproutes") else {
        return;
    };
    let mut seen = 0;
    for entry in fs_err::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        seen += 1;
        let wanted = fs_err::read_to_string(format!("{}.expected", path.display())).unwrap();
        let weights = ["podinfo-primary=70", "podinfo-canary=30"];
        let ran = call(["set-weights"])
            .arg(&path)
            .args(weights)
            .run()
            .exits(0);
        assert_eq!(ran.stdout, wanted, "{}", path.display());
        let input = fs_err::read(&path).unwrap();
        let ran = call(["set-weights", "-"])
            .args(weights)
            .stdin(input)
            .run()
            .exits(0);
        assert_eq!(ran.stdout, wanted, "{}", path.display());
    }
    assert!(seen > 0);
}
