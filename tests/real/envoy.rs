//! What the built-in metrics measure at a real Envoy, against what was sent.
//!
//! Clusters are named as the gateways that are made of Envoy name them. Prometheus
//! scrapes every second; an interval reaches from one scrape without traffic to
//! another, so that nothing is estimated at its ends.

mod backend;
mod bootstrap;
mod load;
mod measured;
mod proxy;
mod rollout;
mod scene;
mod special;
