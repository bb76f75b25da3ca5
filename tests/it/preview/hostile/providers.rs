//! Templates that ask somebody else than Prometheus.

use super::*;

#[test]
fn other_providers_are_not_asked() {
    let (world, trap) = (world(), Trap::start());
    for (provider, title) in [
        (
            format!(
                "{{type: graphite, address: '{}', secretRef: {{name: credentials}}}}",
                trap.url()
            ),
            "Graphite",
        ),
        (
            "{type: datadog, secretRef: {name: credentials}}".to_owned(),
            "Datadog",
        ),
    ] {
        let pull = with_template(&world, &template(&provider, "target=errors"));
        let (ran, _) = preview(&pull, 0);
        let told = format!("{title} is not asked in a preview");
        assert!(ran.stdout.contains(&told), "{ran}");
        neighbour_is_shown(&ran);
    }
    assert_eq!(trap.seen(), [""; 0]);
}
