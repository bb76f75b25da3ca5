use std::path::Path;

use super::*;
use crate::yaml::Limits;
use proptest::prelude::*;

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

const HEAD: &str =
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\n";

fn route(rules: &str) -> Stream {
    let text = format!("{HEAD}spec:\n  rules:\n{rules}");
    Stream::parse(text, &Limits::default()).unwrap()
}

fn read(rules: &str) -> Result<Vec<i64>, WeightError> {
    weights_of(&route(rules).documents()[0], 0, &["p", "c"])
}

#[test]
fn weights_are_read_for_sure_or_not_at_all() {
    let rule =
        |weight: &str| format!("  - backendRefs: [{{name: p, weight: {weight}}}, {{name: c}}]\n");
    for (weight, expected) in [
        ("0", 0),
        ("100", 100),
        ("1000000", 1_000_000),
        ("0x46", 70),
        ("!!int \"10\"", 10),
        ("!!int 0x10", 16),
        ("", 1),
        ("~", 1),
    ] {
        assert_eq!(read(&rule(weight)), Ok(vec![expected, 1]), "{weight}");
    }
    for weight in [
        "\"100\"", "010", "+1", "1_0", "1.0", "1e2", "0b11", "0o7", "!!str 5", "[]", "x",
    ] {
        let error = read(&rule(weight)).unwrap_err();
        assert!(matches!(error, WeightError::NotAWeight { .. }), "{weight}");
        assert!(!error.span().is_empty());
    }
    for weight in ["-1", "1000001"] {
        assert!(read(&rule(weight)).is_err(), "{weight}");
    }
}

#[test]
fn every_rule_with_all_backends_is_set() {
    let rules = "  - backendRefs: [{name: p}, {name: c, weight: 5}]\n  - backendRefs: [{name: p}]\n  - backendRefs: [{name: c}, {name: x}, {name: p}]\n";
    let mut stream = route(rules);
    let document = &stream.documents()[0];
    assert_eq!(rules_with(document, &["p", "c"]), [0, 2]);
    let to = weights(&[("p", 1), ("c", 5)]);
    assert_eq!(set_weights(&mut stream, &to), Ok(2));
    // 1 is what a missing weight means.
    let expected = rules.replace("{name: c}, {name: x}", "{name: c, weight: 5}, {name: x}");
    assert_eq!(stream.text(), format!("{HEAD}spec:\n  rules:\n{expected}"));
}

#[test]
fn doubtful_integers_are_overwritten_and_other_things_are_not() {
    let rule =
        |weight: &str| format!("  - backendRefs: [{{name: p, weight: {weight}}}, {{name: c}}]\n");
    let to = weights(&[("p", 8), ("c", 1)]);
    for weight in ["010", "1_0", "0b11", "-5", "9999999", "0X10", "+9"] {
        let mut stream = route(&rule(weight));
        assert_eq!(set_weights(&mut stream, &to), Ok(1), "{weight}");
        assert_eq!(stream.text(), route(&rule("8")).text());
    }
    for weight in ["\"8\"", "eight", "1.5", "{}", "!!str 8"] {
        let error = set_weights(&mut route(&rule(weight)), &to).unwrap_err();
        assert!(matches!(error, WeightError::NotAWeight { .. }), "{weight}");
    }
}

#[test]
fn nothing_is_set_when_something_is_wrong() {
    let refused = |rules: &str, to: &[(&str, i64)]| {
        let mut stream = route(rules);
        let before = stream.text().to_owned();
        let error = set_weights(&mut stream, &weights(to)).unwrap_err();
        assert_eq!(stream.text(), before);
        error
    };
    let both = "  - backendRefs: [{name: p, weight: 9}, {name: c, weight: 1}]\n";
    assert_eq!(refused(both, &[]), WeightError::NoBackends);
    for weight in [-1, 1_000_001] {
        let error = refused(both, &[("p", weight), ("c", 1)]);
        assert!(matches!(error, WeightError::OutOfRange { .. }));
    }
    let error = refused(both, &[("p", 1), ("d", 1)]);
    assert_eq!(
        error.to_string(),
        "no rule has the backends `d` and `p` together; rule 0 of r has `p`, `c`"
    );
    let twice = "  - backendRefs: [{name: p}, {name: c}, {name: p, port: 1}]\n";
    let error = refused(twice, &[("p", 1), ("c", 1)]);
    assert!(matches!(error, WeightError::Twice { .. }));
    // The first rule could be set, the second cannot: its list is that of a third.
    let shared = format!(
        "{both}  - backendRefs: &refs [{{name: p}}, {{name: c}}]\n  - backendRefs: *refs\n"
    );
    let error = refused(&shared, &[("p", 7), ("c", 3)]);
    assert!(
        matches!(error, WeightError::Edit(EditError::Shared { .. })),
        "{error:?}"
    );
    let mut other = Stream::parse("kind: Service\n", &Limits::default()).unwrap();
    let error = set_weights(&mut other, &weights(&[("p", 1)])).unwrap_err();
    assert_eq!(error, WeightError::NoRoute);
}

proptest! {
    /// What is written for a share reads back as that share.
    #[test]
    fn shares_survive_every_scale(canary in 0i64..=100, scale in 1i64..=10_000) {
        let written = scaled((100 - canary, canary), scale);
        prop_assert!(WEIGHTS.contains(&written.0) && WEIGHTS.contains(&written.1));
        prop_assert_eq!(shares(written), (100 - canary, canary));
    }

    /// Reading never changes how requests are divided.
    #[test]
    fn shares_are_in_proportion(primary in 0i64..=1_000_000, canary in 0i64..=1_000_000) {
        let (one, other) = shares((primary, canary));
        prop_assert_eq!(one * canary, other * primary);
    }

    /// What Kong makes of them, which divides by the number of pods and drops the rest,
    /// is the share to a tenth of a percent.
    #[test]
    fn a_scale_makes_integer_division_harmless(
        canary in 1i64..=99,
        pods in (1i64..=50, 1i64..=50),
    ) {
        let (one, other) = scaled((100 - canary, canary), 1000);
        let received = |weight: i64, pods: i64| (weight / pods).max(1) * pods;
        let (one, other) = (received(one, pods.0), received(other, pods.1));
        let error = other * 1000 / (one + other) - canary * 10;
        prop_assert!(error.abs() <= 1, "{}", error);
    }
}

#[test]
fn only_multiples_of_whole_percent_are_read_as_shares() {
    assert_eq!(shares((90_000, 10_000)), (90, 10));
    assert_eq!(shares((1_000_000, 0)), (100, 0));
    assert_eq!(shares((0, 100_000)), (0, 100));
    for by_hand in [
        (0, 0),
        (1, 0),
        (900, 100),
        (9000, 1000),
        (90_001, 9_999),
        (70_000, 20_000),
    ] {
        assert_eq!(shares(by_hand), by_hand);
    }
    assert_eq!(scaled((90, 10), 1), (90, 10));
    assert_eq!(scaled((2000, 0), 1000), (2000, 0));
}
