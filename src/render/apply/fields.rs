//! Named fields that are copied from one side to the other.

use super::Editor;
use crate::api::Segment;
use crate::error::Result;
use crate::repo::rollout::{FieldSite, Fields};

impl Editor<'_> {
    /// The primary's fields become what the canary's are.
    pub(super) fn promote_fields(&mut self, fields: &Fields) -> Result<()> {
        let mut pairs = fields.pairs.iter();
        pairs.try_for_each(|pair| self.copy_field(&pair.from, &pair.to))
    }

    /// The canary's fields become what the primary's are.
    pub(super) fn restore_fields(&mut self, fields: &Fields) -> Result<()> {
        let mut pairs = fields.pairs.iter();
        pairs.try_for_each(|pair| self.copy_field(&pair.to, &pair.from))
    }

    fn copy_field(&mut self, from: &FieldSite, to: &FieldSite) -> Result<()> {
        if from.value == to.value {
            return Ok(());
        }
        let document = to.manifest.document;
        self.edit(&to.manifest, |stream| {
            match (&from.value, to.path.segments().last()) {
                (Some(value), _) => stream.assign(document, &to.path, value)?,
                (None, Some(Segment::Key(_))) => stream.remove_key(document, &to.path)?,
                (None, Some(Segment::Index(index))) => {
                    let list = to.path.parent().unwrap_or_default();
                    stream.remove_item(document, &list, *index)?;
                }
                (None, None) => {}
            }
            Ok(())
        })
    }
}
