//! Versions of implementations, as people write them.

pub use semver::Version;
use semver::VersionReq;

/// Reads a version leniently: `v3.7` is 3.7.0, and what comes after the numbers
/// (`1.36.2-gke.123`, `2.4.0-rc.1`) does not count. `None` when it does not begin
/// with numbers.
///
/// ```
/// use weirkeeper::gateway::version;
///
/// let read = |text| version::read(text).map(|version| version.to_string());
/// assert_eq!(read("v3.7").as_deref(), Some("3.7.0"));
/// assert_eq!(read("1.36.2-gke.123").as_deref(), Some("1.36.2"));
/// assert_eq!(read("latest"), None);
/// ```
#[must_use]
pub fn read(text: &str) -> Option<Version> {
    let text = text.trim();
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let mut numbers = text[..end].split('.').map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u64>().ok().filter(|_| digits)
    });
    let major = numbers.next()??;
    let mut next = || numbers.next().unwrap_or(Some(0));
    let (minor, patch) = (next()?, next()?);
    // A fourth number, as 1.2.3.4, is for packagers.
    numbers
        .all(|number| number.is_some())
        .then(|| Version::new(major, minor, patch))
}

/// Is it one of the versions that `wanted` names, `>=1.8, <2`? `None` when that does
/// not read.
#[must_use]
pub fn matches(wanted: &str, version: &Version) -> Option<bool> {
    let wanted = VersionReq::parse(wanted).ok()?;
    Some(wanted.matches(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_as_people_write_them() {
        for (text, version) in [
            ("3", Some((3, 0, 0))),
            ("1.9", Some((1, 9, 0))),
            ("v3.7.10", Some((3, 7, 10))),
            (" V2.4.0-rc.1 ", Some((2, 4, 0))),
            ("1.36.2-gke.1842000", Some((1, 36, 2))),
            ("0.17.0-alpha.1", Some((0, 17, 0))),
            ("1.2.3.4", Some((1, 2, 3))),
            ("1.2+build", Some((1, 2, 0))),
            ("", None),
            ("v", None),
            ("1.", None),
            ("1.x", None),
            ("1.2.3.x", None),
            ("+1", None),
            ("99999999999999999999", None),
            ("stable", None),
        ] {
            let wanted = version.map(|(major, minor, patch)| Version::new(major, minor, patch));
            assert_eq!(read(text), wanted, "{text}");
        }
    }

    #[test]
    fn pre_releases_count_as_the_release() {
        let version = read("2.4.0-rc.1").unwrap();
        assert_eq!(matches(">=2.4", &version), Some(true));
        assert_eq!(matches("<2.4", &version), Some(false));
        assert_eq!(matches("not a range", &version), None);
    }
}
