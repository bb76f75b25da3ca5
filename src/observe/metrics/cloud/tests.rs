use super::*;

#[test]
fn hosts_are_told_by_name_and_scheme() {
    let of = |text: &str| Host::of(&text.parse().unwrap());
    assert_eq!(
        of("https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1"),
        Some(Host::ManagedPrometheus {
            region: "eu-west-1".to_owned()
        })
    );
    assert_eq!(
        of("https://monitoring.googleapis.com/v1/projects/shop/location/global/prometheus"),
        Some(Host::CloudMonitoring)
    );
    for other in [
        "http://monitoring.googleapis.com/",
        "https://monitoring.googleapis.com:8443/",
        "https://monitoring.googleapis.com.evil.example/",
        "https://x.monitoring.googleapis.com/",
        "http://aps-workspaces.eu-west-1.amazonaws.com/",
        "https://aps-workspaces.eu-west-1.amazonaws.com.evil.example/",
        "https://prometheus.example/",
    ] {
        assert_eq!(of(other), None, "{other}");
    }
}
