//! Where people look at a commit.

use url::Url;

/// The address below which the commits of the repository at `remote` are shown,
/// as forges have it: `https://host/owner/repo/commit/`. Without credentials.
/// `None` for a folder, and for a host that is only a name of ours.
///
/// ```
/// use weirkeeper::repo::link::commits;
///
/// let shown = |remote| commits(remote).map(String::from);
/// let expected = Some("https://github.com/me/fleet/commit/".to_owned());
/// assert_eq!(shown("git@github.com:me/fleet.git"), expected);
/// assert_eq!(shown("https://x:t0k@github.com/me/fleet"), expected);
/// assert_eq!(shown("/srv/git/fleet.git"), None);
/// ```
#[must_use]
pub fn commits(remote: &str) -> Option<Url> {
    let (scheme, host, path) = match Url::parse(remote) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            let host = match url.port() {
                Some(port) => format!("{}:{port}", url.host_str()?),
                None => url.host_str()?.to_owned(),
            };
            (url.scheme().to_owned(), host, url.path().to_owned())
        }
        Ok(url) if matches!(url.scheme(), "ssh" | "git" | "git+ssh") => {
            // The port is that of SSH.
            let host = url.host_str()?.to_owned();
            ("https".to_owned(), host, url.path().to_owned())
        }
        Ok(_) | Err(_) if remote.contains("://") => return None,
        Ok(_) | Err(_) => {
            let (host, path) = remote.split_once(':')?;
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            if !host.contains('.') || host.contains(['/', '\\']) {
                return None;
            }
            ("https".to_owned(), host.to_owned(), path.to_owned())
        }
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    match path.is_empty() {
        true => None,
        false => Url::parse(&format!("{scheme}://{host}/{path}/commit/")).ok(),
    }
}

/// The same from what a workflow knows (`GITHUB_SERVER_URL` and
/// `GITHUB_REPOSITORY`) and from the remote. The workflow knows the public name
/// of the host; but when it steps another repository than its own, the remote
/// is right.
#[must_use]
pub fn commits_from(workflow: Option<(&str, &str)>, remote: Option<Url>) -> Option<Url> {
    let workflow = workflow.and_then(|(server, repository)| {
        commits(&format!("{}/{repository}", server.trim_end_matches('/')))
    });
    match (workflow, remote) {
        (Some(workflow), Some(remote)) => {
            let same = workflow.path().eq_ignore_ascii_case(remote.path());
            Some(if same { workflow } else { remote })
        }
        (workflow, remote) => workflow.or(remote),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_remote() {
        for (remote, link) in [
            ("https://h.example/o/r.git/", "https://h.example/o/r"),
            ("https://h.example/g/sub/r", "https://h.example/g/sub/r"),
            ("http://u:p@127.0.0.1:3000/o/r", "http://127.0.0.1:3000/o/r"),
            ("ssh://git@h.example:2222/o/r.git", "https://h.example/o/r"),
            ("git@h.example:o/r.git", "https://h.example/o/r"),
            ("h.example:/o/r", "https://h.example/o/r"),
        ] {
            let found = commits(remote).map(String::from);
            assert_eq!(found, Some(format!("{link}/commit/")), "{remote}");
        }
        for none in [
            "",
            "/srv/r.git",
            "../r",
            "file:///srv/r",
            "C:\\r",
            "alias:o/r",
            "./a.b/c:d",
            "https://h.example/",
        ] {
            assert_eq!(commits(none), None, "{none}");
        }
    }

    #[test]
    fn the_remote_is_right_when_the_workflow_is_about_another_repository() {
        let remote = |text: &str| commits(text);
        let workflow = Some(("https://github.com/", "Me/fleet"));
        for (remote, link) in [
            (None, "https://github.com/Me/fleet/commit/"),
            (
                remote("http://mirror/me/fleet"),
                "https://github.com/Me/fleet/commit/",
            ),
            (
                remote("git@github.com:me/other"),
                "https://github.com/me/other/commit/",
            ),
        ] {
            assert_eq!(
                commits_from(workflow, remote).map(String::from).as_deref(),
                Some(link)
            );
        }
        assert_eq!(commits_from(None, None), None);
    }
}
