//! `demo`.
use super::Streams;
use crate::cli;
use crate::error::Result;
use crate::settings::Settings;

pub(super) async fn run(
    _options: &cli::Demo,
    _settings: &Settings,
    _streams: &mut Streams<'_>,
) -> Result<u8> {
    Ok(0)
}
