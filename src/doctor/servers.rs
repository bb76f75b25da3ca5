//! Prometheus: does it answer, before it is asked about Canaries?

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::{Measuring, of, subject};
use crate::error::Result;
use crate::observe::{Reached, Server};
use crate::repo::rollout::Rollout;
use crate::report::finding::{Area, Finding, Level};

/// Servers by address, and whether they answered.
pub(super) type Answering = BTreeMap<String, bool>;

impl Measuring {
    /// Every server, then everything that is asked of those that answer.
    pub(super) async fn prometheus(&self) -> Vec<Finding> {
        let (mut found, answering) = self.reached().await;
        let rollouts = self.rollouts.iter().map(async |rollout| {
            let (metrics, readiness) = tokio::join!(
                self.limited(Area::Metric, self.metrics(rollout, &answering)),
                self.limited(Area::Readiness, self.readiness(rollout, &answering)),
            );
            of(rollout, [metrics, readiness].concat())
        });
        found.extend(join_all(rollouts).await.concat());
        found
    }

    /// Which servers answer, and what is to be said about them.
    pub(super) async fn reached(&self) -> (Vec<Finding>, Answering) {
        let mut servers = BTreeMap::new();
        for rollout in &self.rollouts {
            let asked = self.servers(rollout).into_iter().flatten();
            // The others are asked nothing but the query of their template.
            for server in asked.filter(Server::can_be_reached) {
                servers.insert(server.address(), server);
            }
        }
        let reached = join_all(servers.iter().map(async |(address, server)| {
            let asked = async { vec![look(server.reach(self.now).await)] };
            let found = self.limited(Area::Prometheus, asked).await;
            let about = |finding: Finding| finding.about(address.clone());
            found.into_iter().map(about).collect::<Vec<_>>()
        }));
        let found = reached.await.concat();
        let answering = found
            .iter()
            .filter_map(|finding| {
                let answers = matches!(finding.level, Level::Ok | Level::Warning);
                Some((finding.about.clone()?, answers))
            })
            .collect();
        (found, answering)
    }

    /// The servers that a rollout's questions go to. Those that cannot be used are
    /// told where they are needed.
    fn servers(&self, rollout: &Rollout) -> Vec<Option<Server>> {
        let templates = rollout.templates.keys().map(|index| Some(*index));
        let all = std::iter::once(None).chain(templates);
        all.map(|template| self.server(rollout, template).ok().flatten())
            .collect()
    }

    pub(super) fn server(
        &self,
        rollout: &Rollout,
        template: Option<usize>,
    ) -> Result<Option<Server>> {
        let primary = rollout.primary_workload();
        self.observer.server(&subject(rollout, &primary), template)
    }
}

fn look(reached: Result<Reached>) -> Finding {
    let Reached { version, targets } = match reached {
        Ok(reached) => reached,
        Err(error) => return Finding::error(Area::Prometheus, Level::Problem, &error),
    };
    let version = version.map(|version| format!(", version {version}"));
    let version = version.unwrap_or_default();
    match targets {
        Some(targets) => Finding::new(
            Area::Prometheus,
            Level::Ok,
            format!("answers{version}; {targets} targets"),
        ),
        None => Finding::new(
            Area::Prometheus,
            Level::Warning,
            format!("answers{version}, and has no series `up`"),
        )
        .advise("is it the right server, or the right tenant (WEIRKEEPER_PROMETHEUS_HEADERS)?"),
    }
}
