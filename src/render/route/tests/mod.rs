//! Generated routes against what Flagger writes, and against themselves edited.

use serde_yaml::Value;

use super::*;

mod corpus;
mod examples;
mod in_place;
mod reading;
mod schema;

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

/// A Canary whose `service` and `analysis` are given as YAML, with a target `shop`.
fn canary(service: &str, analysis: &str) -> Canary {
    serde_yaml::from_str(&format!(
        "{{metadata: {{name: shop, namespace: prod}}, spec: {{\
         targetRef: {{apiVersion: apps/v1, kind: Deployment, name: shop}}, \
         service: {{port: 8080, {service}}}, \
         analysis: {{interval: 1m, threshold: 1, {analysis}}}}}}}"
    ))
    .unwrap()
}

/// A status with the cookies of a run, or of the run before.
fn cookies(canary: Option<&str>, previous: Option<&str>, primary: Option<&str>) -> Status {
    let text = |text: Option<&str>| text.map(str::to_owned);
    Status {
        session_affinity_cookie: text(canary),
        previous_session_affinity_cookie: text(previous),
        primary_session_affinity_cookie: text(primary),
        ..Status::default()
    }
}

const MIRRORED: Traffic = Traffic {
    mirrored: true,
    ..Traffic::PRIMARY
};
