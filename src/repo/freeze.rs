//! The file that freezes a repository.

use super::files::Files;
use super::listing::FREEZE_FILE;
use crate::error::Result;

impl Files {
    /// Why no rollout may advance: the first line of `.weirkeeperfreeze` at the top
    /// that is neither empty nor begins with `#`, else nothing. `None` without that file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn frozen(&self) -> Result<Option<String>> {
        let text = match self.read(FREEZE_FILE)? {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // A link, or hidden by a rule: it is there.
            None if self.is_taken(FREEZE_FILE)? => String::new(),
            None => return Ok(None),
        };
        let mut lines = text.lines().map(str::trim);
        let reason = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(Some(reason.unwrap_or_default().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_says_something_is_the_reason() {
        for (path, text, reason) in [
            (
                FREEZE_FILE,
                "\n# until Monday\n  Black Friday \nmore\n",
                Some("Black Friday"),
            ),
            (FREEZE_FILE, "# x\n", Some("")),
            (FREEZE_FILE, "", Some("")),
            ("apps/.weirkeeperfreeze", "x", None),
        ] {
            let files = Files::in_memory([(path.to_owned(), text.to_owned())].into());
            assert_eq!(
                files.frozen().unwrap().as_deref(),
                reason,
                "{path} {text:?}"
            );
        }
    }
}
