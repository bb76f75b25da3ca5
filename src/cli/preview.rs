//! The arguments of `preview`.

use clap::Args;
use clap::builder::FalseyValueParser;

use super::{FailOnFindings, Metrics, Select};

/// `preview`.
#[derive(Debug, Clone, Default, Args)]
pub struct Preview {
    /// Which Canaries.
    #[command(flatten)]
    pub select: Select,
    /// Compare with this commit or branch; default the base of the pull request,
    /// else the first parent of a merge commit
    #[arg(long, value_name = "REV", env = "WEIRKEEPER_BASE")]
    pub base: Option<String>,
    /// Where metrics come from.
    #[command(flatten)]
    pub metrics: Metrics,
    /// Write no comment, only the job summary
    #[arg(long, env = "WEIRKEEPER_NO_COMMENT", value_parser = FalseyValueParser::new())]
    pub no_comment: bool,
    /// Tells the comments of several previews of one pull request apart
    #[arg(long, value_name = "TEXT", env = "WEIRKEEPER_COMMENT_KEY")]
    pub comment_key: Option<String>,
    /// Which findings count.
    #[command(flatten)]
    pub fail_on: FailOnFindings,
    /// Limit of the whole run
    #[arg(long, value_name = "DUR", default_value = "5m")]
    pub deadline: String,
}
