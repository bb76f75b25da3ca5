//! What a document says, as plain data: aliases and merges resolved.

use serde_yaml::{Mapping, Value};

use super::error::YamlError;
use super::node::{Document, Entry, Kind, NodeId};
use super::resolve;

/// How many values a document may have once its aliases are resolved.
const EXPANDED: usize = 1_000_000;

/// How deep it may be nested then.
const EXPANDED_DEPTH: usize = 128;

impl Document {
    /// The whole document as data; an empty document is null.
    ///
    /// Scalars mean what `serde_yaml` takes them for. Aliases are resolved.
    /// Merge keys (`<<`) are applied as in YAML 1.1: a mapping's own keys win,
    /// then those of the first mapping merged. A quoted `"<<"` is a key like any
    /// other.
    ///
    /// # Errors
    ///
    /// A `<<` whose value is not a mapping or a list of mappings, a scalar that
    /// is not what its tag says, or aliases that expand to more than a million
    /// values.
    pub fn to_value(&self) -> Result<Value, YamlError> {
        self.root.map_or(Ok(Value::Null), |root| self.value(root))
    }

    /// The value `id` as data, as [`to_value`](Self::to_value) has it.
    ///
    /// # Errors
    ///
    /// As [`to_value`](Self::to_value).
    pub fn value(&self, id: NodeId) -> Result<Value, YamlError> {
        let mut values = 0;
        self.expand(id, 0, &mut values)
    }

    fn expand(&self, id: NodeId, depth: usize, values: &mut usize) -> Result<Value, YamlError> {
        let id = self.resolve(id);
        let node = self.node(id);
        *values += 1;
        if *values > EXPANDED || depth > EXPANDED_DEPTH {
            let span = node.span.clone();
            return Err(YamlError::Expansion { span });
        }
        let value = match &node.kind {
            Kind::Scalar { value, style } => return resolve::scalar(node, value, *style),
            // Resolved above.
            Kind::Alias { .. } => Value::Null,
            Kind::Sequence { items, .. } => {
                let items = items
                    .iter()
                    .map(|item| self.expand(item.node, depth + 1, values));
                Value::Sequence(items.collect::<Result<_, _>>()?)
            }
            Kind::Mapping { .. } => Value::Mapping(self.expand_mapping(id, depth, values)?),
        };
        match &node.tag {
            Some(tag) if tag.name.len() > 1 && tag.name.starts_with('!') => {
                let tag = serde_yaml::value::Tag::new(tag.name.as_str());
                Ok(Value::Tagged(Box::new(serde_yaml::value::TaggedValue {
                    tag,
                    value,
                })))
            }
            _ => Ok(value),
        }
    }

    fn expand_mapping(
        &self,
        id: NodeId,
        depth: usize,
        values: &mut usize,
    ) -> Result<Mapping, YamlError> {
        let mut mapping = Mapping::new();
        let is_merge = |entry: &&Entry| self.node(entry.key).is_merge_key();
        let entries = self.node(id).entries();
        for entry in entries.iter().filter(|entry| !is_merge(entry)) {
            let key = self.expand(entry.key, depth + 1, values)?;
            let value = self.expand(entry.value, depth + 1, values)?;
            mapping.insert(key, value);
        }
        for entry in entries.iter().filter(is_merge) {
            for source in self.merge_sources(entry.value) {
                if !matches!(self.node(source).kind, Kind::Mapping { .. }) {
                    let span = self.short_span(entry.value);
                    return Err(YamlError::Merge { span });
                }
                *values += 1;
                if *values > EXPANDED || depth > EXPANDED_DEPTH {
                    let span = self.short_span(entry.value);
                    return Err(YamlError::Expansion { span });
                }
                for (key, value) in self.expand_mapping(source, depth + 1, values)? {
                    mapping.entry(key).or_insert(value);
                }
            }
        }
        Ok(mapping)
    }
}
