//! The token for GitHub.

use super::Doctor;
use crate::github::{Access, TokenKind};
use crate::report::finding::{Area, Finding, Level};

/// Scopes of a classic token with which commits can be pushed.
const SCOPES: [&str; 2] = ["repo", "public_repo"];

impl Doctor {
    pub(super) async fn token(&self) -> Vec<Finding> {
        if let Err(unknown) = self.github_is_known(Area::Token) {
            return vec![unknown];
        }
        let repository = self.github.repository().unwrap_or_default();
        let finding = match self.github.access().await {
            Ok(access) => judge(&access, self.github.token_kind()),
            // Not valid, or not for this repository.
            Err(refused) if refused.is(401) || refused.is(404) => {
                Finding::error(Area::Token, Level::Problem, &refused.into())
            }
            Err(refused) => super::untold(Area::Token, refused),
        };
        vec![finding.about(repository)]
    }
}

fn judge(access: &Access, kind: Option<TokenKind>) -> Finding {
    if access.archived {
        return Finding::new(Area::Token, Level::Problem, "the repository is archived")
            .advise("nobody can push to it: take it out of the archive");
    }
    let scopes = access.scopes.as_ref().filter(|scopes| !scopes.is_empty());
    if let Some(scopes) = scopes
        && kind == Some(TokenKind::Classic)
        && !scopes.iter().any(|scope| SCOPES.contains(&&**scope))
    {
        let found = format!("the token has the scopes {}", scopes.join(", "));
        return Finding::new(Area::Token, Level::Problem, found)
            .advise("it needs `repo`; a fine-grained token with `contents: write` is better");
    }
    let may_push = access.permissions.is_some_and(|may| may.push);
    match (may_push, kind) {
        // What these two say is about the account, not about the token.
        (_, Some(TokenKind::App)) => Finding::new(
            Area::Token,
            Level::Unknown,
            "the token of an app or a workflow sees the repository; what else it may do GitHub \
             does not tell",
        )
        .advise("what it needs is said under `workflow`, and `git` tries a push for show"),
        (true, Some(TokenKind::FineGrained)) => Finding::new(
            Area::Token,
            Level::Ok,
            "its owner may push; whether the token has `contents: write`, `git` tries",
        ),
        (true, _) => Finding::new(Area::Token, Level::Ok, "the token may push"),
        (false, _) => Finding::new(Area::Token, Level::Problem, "the token may not push")
            .advise("give its owner the role `write`, and the token `contents: write`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::Permissions;

    #[test]
    fn what_a_token_may() {
        let level = |push, kind, scopes: Option<&[&str]>| {
            let access = Access {
                default_branch: "main".to_owned(),
                archived: false,
                permissions: Some(Permissions { push }),
                scopes: scopes.map(|all| all.iter().map(|one| (*one).to_owned()).collect()),
            };
            judge(&access, Some(kind)).level
        };
        assert_eq!(level(true, TokenKind::Other, None), Level::Ok);
        assert_eq!(level(false, TokenKind::Other, None), Level::Problem);
        assert_eq!(level(false, TokenKind::App, None), Level::Unknown);
        assert_eq!(level(true, TokenKind::FineGrained, None), Level::Ok);
        let classic = |scopes| level(true, TokenKind::Classic, Some(scopes));
        assert_eq!(classic(&["gist", "repo"]), Level::Ok);
        assert_eq!(classic(&["gist"]), Level::Problem);
    }
}
