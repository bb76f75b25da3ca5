//! `comment`.

use std::path::PathBuf;

use clap::Args;

use super::{Commit, Notify, path};

/// `comment`.
#[derive(Debug, Clone, Args)]
pub struct Comment {
    /// How commits are made.
    #[command(flatten)]
    pub commit: Commit,
    /// Who is told.
    #[command(flatten)]
    pub notify: Notify,
    /// Folder with Secrets, as NAME/KEY
    #[arg(long, value_name = "DIR", env = "WEIRKEEPER_SECRETS_DIR", value_parser = path())]
    pub secrets_dir: Option<PathBuf>,
    /// Limit of the whole run
    #[arg(long, value_name = "DUR", default_value = "2m")]
    pub deadline: String,
}
