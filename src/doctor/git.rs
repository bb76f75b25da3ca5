//! Git, and the remote as Git sees it.

use super::Doctor;
use crate::repo::git::Repository;
use crate::report::finding::{Area, Finding, Level};

impl Doctor {
    pub(super) async fn git(&self) -> Vec<Finding> {
        let repository = match &self.repository {
            Ok(repository) => repository,
            Err(error) => return vec![Finding::error(Area::Git, Level::Problem, error)],
        };
        let (local, remote) = tokio::join!(here(repository), self.remote(repository));
        [vec![local], remote].concat()
    }

    async fn remote(&self, repository: &Repository) -> Vec<Finding> {
        let branch = match &self.branch {
            Ok(branch) => branch,
            Err(error) => return vec![Finding::error(Area::Git, Level::Problem, error)],
        };
        let Some(remote) = &self.remote else {
            let finding = Finding::new(Area::Git, Level::Warning, "there is no remote");
            return vec![finding.advise(
                "commits stay here: add the remote that Flux or Argo CD reads with git remote add",
            )];
        };
        let about = |finding: Finding| finding.about(format!("{remote}/{branch}"));
        let tip = match repository.tip_at(branch, remote).await {
            Ok(Some(tip)) => tip,
            Ok(None) => {
                let found = "the remote has no such branch";
                let finding = Finding::new(Area::Git, Level::Problem, found);
                return vec![about(finding.advise("name the right one with --branch"))];
            }
            Err(error) => return vec![about(Finding::error(Area::Git, Level::Problem, &error))],
        };
        let may_push = match repository.may_push(remote).await {
            Ok(()) => Finding::new(Area::Git, Level::Ok, "the remote takes pushes from here"),
            Err(error) => {
                let error = error.while_doing("the remote takes no push from here");
                Finding::error(Area::Git, Level::Problem, &error)
                    .advise("the workflow may have credentials that are not here")
            }
        };
        let mut shown = tip.to_string();
        shown.truncate(8);
        let tip = Finding::new(Area::Git, Level::Ok, format!("the remote is at {shown}"));
        vec![about(tip), about(may_push)]
    }
}

async fn here(repository: &Repository) -> Finding {
    let version = match repository.git_version().await {
        Ok(version) => version,
        Err(error) => return Finding::error(Area::Git, Level::Problem, &error),
    };
    let history = match (repository.is_shallow(), repository.is_partial()) {
        (true, _) => "a shallow clone, which fetches what it needs",
        (false, true) => "a partial clone, which fetches what it needs",
        (false, false) => "the whole history is here",
    };
    Finding::new(Area::Git, Level::Ok, format!("git {version}; {history}"))
}
