//! From a YAML value to a type of this module, with *all* that does not fit.
//!
//! Serde stops at the first value of a wrong type. So the value is read again
//! without what failed, until nothing fails any more.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer as _, Visitor};
use serde::forward_to_deserialize_any;
use serde_yaml::{Mapping, Number, Value};

use super::{FieldPath, Problem, Segment};

/// The most errors reported for one document; one with more is no document of
/// its kind at all.
const MAX_ERRORS: usize = 64;

/// Names that changed, and what they are now.
const RENAMED: [(&str, &str); 1] = [("canaryAnalysis", "analysis")];

/// Reads `value`. What does not fit a field is left out of the result and
/// reported as an error; a field that does not exist is a warning. So the
/// result must not be used when there is an error, except to look for more.
///
/// As in the API server, fields that are null count as absent and whole
/// numbers may be written as `12.0`; text in place of a number is refused.
///
/// ```
/// use weirkeeper::api::{Canary, decode};
///
/// let value = serde_yaml::from_str(
///     "{spec: {analysis: {maxWeigth: 50, stepWeight: 12.5, threshold: 5.0, interval: null}}}",
/// )?;
/// let (canary, problems) = decode::<Canary>(value);
/// assert_eq!(canary.unwrap().spec.analysis.unwrap().threshold, Some(5));
///
/// let told: Vec<String> = problems
///     .iter()
///     .map(|problem| format!("{}: {}", problem.path, problem.message))
///     .collect();
/// assert_eq!(told, [
///     "spec.analysis.stepWeight: must be a whole number, found 12.5",
///     "spec.analysis.maxWeigth: unknown field, ignored",
/// ]);
/// assert_eq!(problems[1].hint.as_deref(), Some("did you mean `maxWeight`?"));
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[must_use]
pub fn decode<T: DeserializeOwned>(mut value: Value) -> (Option<T>, Vec<Problem>) {
    if let Err(error) = value.apply_merge() {
        let message = format!("cannot be merged with `<<`: {error}");
        return (None, vec![Problem::error(FieldPath::root(), message)]);
    }
    drop_nulls(&mut value);

    let mut errors: Vec<Problem> = Vec::new();
    let mut skipped = BTreeSet::new();
    loop {
        let pass = Pass {
            skipped: &skipped,
            unknown: RefCell::default(),
        };
        let read = T::deserialize(Node {
            value: &value,
            path: FieldPath::root(),
            pass: &pass,
        });
        let unknown = pass.unknown.into_inner();
        match read {
            Ok(read) => {
                errors.extend(unknown);
                return (Some(read), errors);
            }
            Err(failure) => {
                let path = failure.path.unwrap_or_default();
                let mut problem = Problem::error(path.clone(), failure.message);
                problem.hint = failure.hint;
                errors.push(problem);
                let again =
                    path != FieldPath::root() && skipped.insert(path) && errors.len() < MAX_ERRORS;
                if !again {
                    errors.extend(unknown);
                    return (None, errors);
                }
            }
        }
    }
}

/// Removes map fields that are null, at any depth.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Mapping(mapping) => {
            mapping.retain(|_, value| !value.is_null());
            mapping.values_mut().for_each(drop_nulls);
        }
        Value::Sequence(items) => items.iter_mut().for_each(drop_nulls),
        Value::Tagged(tagged) => drop_nulls(&mut tagged.value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The allowed name most like `name`, if it is like enough to be meant.
pub(super) fn closest<'a>(name: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    allowed
        .iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, *candidate)
        })
        .filter(|(distance, candidate)| {
            *distance <= 1.max(candidate.chars().count().min(lower.chars().count()) / 3)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` ``, without empty names.
pub(super) fn name_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names
        .into_iter()
        .filter(|name| !name.is_empty())
        .map(|name| format!("`{name}`"))
        .collect();
    names.join(", ")
}

/// `text` in quotes, cut when it is long.
pub(super) fn quoted(text: &str) -> String {
    const MAX: usize = 40;
    match text.char_indices().nth(MAX) {
        Some((cut, _)) => format!("{:?}…", &text[..cut]),
        None => format!("{text:?}"),
    }
}

/// What `value` is, in words.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) => format!("the text {}", quoted(text)),
        Value::Sequence(_) => "a list".into(),
        Value::Mapping(_) => "a mapping".into(),
        Value::Tagged(tagged) => describe(&tagged.value),
    }
}

/// A value that does not fit.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Failure {
    /// Absent until the failure reaches the first list or mapping.
    path: Option<FieldPath>,
    message: String,
    hint: Option<String>,
}

impl Failure {
    fn new(message: String) -> Self {
        Self {
            path: None,
            message,
            hint: None,
        }
    }

    fn at(mut self, path: &FieldPath) -> Self {
        self.path.get_or_insert_with(|| path.clone());
        self
    }
}

impl de::Error for Failure {
    fn custom<M: std::fmt::Display>(message: M) -> Self {
        Self::new(format!("cannot be read: {message}"))
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("must be {expected}, found {unexpected}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut failure = Self::new(format!(
            "must be one of {}, found {}",
            name_list(expected.iter().copied()),
            quoted(variant)
        ));
        failure.hint = closest(variant, expected)
            .filter(|name| !name.is_empty())
            .map(|name| format!("did you mean `{name}`?"));
        failure
    }
}

/// What all nodes of one reading share.
struct Pass<'a> {
    skipped: &'a BTreeSet<FieldPath>,
    unknown: RefCell<Vec<Problem>>,
}

/// A value and where it stands.
struct Node<'de, 'p> {
    value: &'de Value,
    path: FieldPath,
    pass: &'p Pass<'p>,
}

impl<'de> Node<'de, '_> {
    /// The value without its YAML tag.
    fn untagged(&self) -> &'de Value {
        let mut value = self.value;
        while let Value::Tagged(tagged) = value {
            value = &tagged.value;
        }
        value
    }

    fn must_be(&self, what: &str) -> Failure {
        let found = describe(self.value);
        Failure::new(format!("must be {what}, found {found}")).at(&self.path)
    }

    fn whole_number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Value::Number(number) = self.untagged() else {
            return Err(self.number_in_quotes(self.must_be("a whole number")));
        };
        match whole(number) {
            Some(number) => visitor.visit_i64(number),
            None => Err(self.must_be("a whole number")),
        }
    }

    /// Adds a hint when the value is a number written as text.
    fn number_in_quotes(&self, mut failure: Failure) -> Failure {
        if let Value::String(text) = self.untagged()
            && text.trim().parse::<f64>().is_ok()
        {
            failure.hint = Some("remove the quotes".into());
        }
        failure
    }

    /// Notes the fields of a mapping that a struct does not have.
    fn note_unknown(&self, fields: &'static [&'static str]) {
        let Value::Mapping(mapping) = self.untagged() else {
            return;
        };
        for key in mapping.keys().filter_map(key_text) {
            let path = self.path.key(key.as_str());
            if fields.contains(&key.as_str()) || self.pass.skipped.contains(&path) {
                continue;
            }
            let renamed = RENAMED.iter().find(|(old, _)| *old == key);
            let mut problem = Problem::warning(path, "unknown field, ignored").at_key();
            problem.hint = match renamed {
                Some((_, new)) => Some(format!("it is now called `{new}`")),
                None => closest(&key, fields).map(|field| format!("did you mean `{field}`?")),
            };
            self.pass.unknown.borrow_mut().push(problem);
        }
    }

    fn visit_mapping<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Value::Mapping(mapping) = self.untagged() else {
            return Err(self.must_be("a mapping"));
        };
        visitor.visit_map(Fields::new(mapping, self))
    }

    fn visit_sequence<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Value::Sequence(items) = self.untagged() else {
            return Err(self.must_be("a list"));
        };
        visitor.visit_seq(Items {
            rest: items.iter().enumerate(),
            parent: self,
        })
    }
}

/// The number, if it is whole and fits.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
        format!("{float:.0}").parse().ok()
    })
}

/// A key as the API server reads it: numbers and booleans become text.
fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Tagged(tagged) => key_text(&tagged.value),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

impl<'de> de::Deserializer<'de> for Node<'de, '_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.untagged() {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_i64(number),
                (None, Some(number), _) => visitor.visit_u64(number),
                (None, None, number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Sequence(_) => self.visit_sequence(visitor),
            Value::Mapping(_) => self.visit_mapping(visitor),
            Value::Tagged(_) => Err(self.must_be("a value without a tag")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.untagged() {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::String(text) => {
                let mut failure = self.must_be("true or false");
                if matches!(text.as_str(), "true" | "false") {
                    failure.hint = Some("remove the quotes".into());
                }
                Err(failure)
            }
            Value::Null
            | Value::Number(_)
            | Value::Sequence(_)
            | Value::Mapping(_)
            | Value::Tagged(_) => Err(self.must_be("true or false")),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.whole_number(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let number = match self.untagged() {
            Value::Number(number) => number.as_f64().filter(|number| number.is_finite()),
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Sequence(_)
            | Value::Mapping(_)
            | Value::Tagged(_) => None,
        };
        match number {
            Some(number) => visitor.visit_f64(number),
            None => Err(self.number_in_quotes(self.must_be("a number"))),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.untagged() {
            Value::String(text) => visitor.visit_borrowed_str(text),
            scalar @ (Value::Bool(_) | Value::Number(_)) => {
                let mut failure = self.must_be("text");
                failure.hint = Some(format!("put it in quotes: \"{}\"", describe(scalar)));
                Err(failure)
            }
            Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => {
                Err(self.must_be("text"))
            }
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value.is_null() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.visit_sequence(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.visit_mapping(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.note_unknown(fields);
        self.visit_mapping(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let Value::String(text) = self.untagged() else {
            let names = name_list(variants.iter().copied());
            return Err(self.must_be(&format!("one of {names}")));
        };
        let variant: BorrowedStrDeserializer<'de, Failure> = BorrowedStrDeserializer::new(text);
        visitor.visit_enum(variant)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 char bytes byte_buf unit
        unit_struct tuple tuple_struct identifier
    }
}

/// The fields of a mapping, in order, without those that failed before.
struct Fields<'de, 'p> {
    rest: serde_yaml::mapping::Iter<'de>,
    next: Option<Node<'de, 'p>>,
    parent: Node<'de, 'p>,
}

impl<'de, 'p> Fields<'de, 'p> {
    fn new(mapping: &'de Mapping, parent: Node<'de, 'p>) -> Self {
        Self {
            rest: mapping.iter(),
            next: None,
            parent,
        }
    }
}

impl<'de> de::MapAccess<'de> for Fields<'de, '_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        for (key, value) in self.rest.by_ref() {
            let Some(key) = key_text(key) else {
                let message = format!("a key must be text, found {}", describe(key));
                return Err(Failure::new(message).at(&self.parent.path));
            };
            let path = self.parent.path.key(key.as_str());
            if self.parent.pass.skipped.contains(&path) {
                continue;
            }
            self.next = Some(Node {
                value,
                path,
                pass: self.parent.pass,
            });
            let key: StringDeserializer<Failure> = key.into_deserializer();
            return seed.deserialize(key).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        match self.next.take() {
            Some(node) => {
                let path = node.path.clone();
                seed.deserialize(node).map_err(|failure| failure.at(&path))
            }
            None => Err(Failure::new("a value was read before its key".into())),
        }
    }
}

/// The items of a list, without those that failed before.
struct Items<'de, 'p> {
    rest: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
    parent: Node<'de, 'p>,
}

impl<'de> de::SeqAccess<'de> for Items<'de, '_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        for (index, value) in self.rest.by_ref() {
            let path = self.parent.path.with(Segment::Index(index));
            if self.parent.pass.skipped.contains(&path) {
                continue;
            }
            let node = Node {
                value,
                path: path.clone(),
                pass: self.parent.pass,
            };
            let item = seed
                .deserialize(node)
                .map_err(|failure| failure.at(&path))?;
            return Ok(Some(item));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AlertProvider, Canary, MetricTemplate, Phase, Port};
    use super::*;

    /// One line per problem: `E` or `W`, path, message, hint.
    fn told<T: DeserializeOwned>(yaml: &str) -> Vec<String> {
        let (_, problems) = decode::<T>(serde_yaml::from_str(yaml).unwrap());
        let line = |problem: &Problem| {
            let severity = if problem.is_error() { 'E' } else { 'W' };
            let hint = problem.hint.as_deref().map(|hint| format!(" ({hint})"));
            let hint = hint.unwrap_or_default();
            format!("{severity} {}: {}{hint}", problem.path, problem.message)
        };
        problems.iter().map(line).collect()
    }

    #[test]
    fn every_wrong_type_is_reported() {
        let yaml = r#"
spec:
  skipAnalysis: "true"
  suspend: maybe
  progressDeadlineSeconds: "60"
  targetRef: podinfo
  service:
    port: 9223372036854775808
    targetPort: 12.5
    hosts: www.example.com
    apex: {labels: {a: true, b: 1}}
  analysis:
    interval: 60
    stepWeights: [1, x, 2.5, 4.0]
    metrics:
    - {name: a, thresholdRange: {min: .nan, max: "99"}, onNoData: fali}
    - null
    - text
    webhooks: [{type: rolout}, {type: [1]}]
status: {lastStepTime: yesterday, phase: Suceeded}
"#;
        insta::assert_snapshot!(told::<Canary>(yaml).join("\n"), @r#"
        E spec.skipAnalysis: must be true or false, found the text "true" (remove the quotes)
        E spec.suspend: must be true or false, found the text "maybe"
        E spec.progressDeadlineSeconds: must be a whole number, found the text "60" (remove the quotes)
        E spec.targetRef: must be a mapping, found the text "podinfo"
        E spec.service.port: must be a whole number, found 9223372036854775808
        E spec.service.targetPort: must be the number or the name of a port, found floating point `12.5`
        E spec.service.hosts: must be a list, found the text "www.example.com"
        E spec.service.apex.labels.a: must be text, found true (put it in quotes: "true")
        E spec.service.apex.labels.b: must be text, found 1 (put it in quotes: "1")
        E spec.analysis.interval: must be text, found 60 (put it in quotes: "60")
        E spec.analysis.stepWeights[1]: must be a whole number, found the text "x"
        E spec.analysis.stepWeights[2]: must be a whole number, found 2.5
        E spec.analysis.metrics[0].thresholdRange.min: must be a number, found .nan
        E spec.analysis.metrics[0].thresholdRange.max: must be a number, found the text "99" (remove the quotes)
        E spec.analysis.metrics[0].onNoData: must be one of `fail`, `hold`, `pass`, found "fali" (did you mean `fail`?)
        E spec.analysis.metrics[1]: must be a mapping, found nothing
        E spec.analysis.metrics[2]: must be a mapping, found the text "text"
        E spec.analysis.webhooks[0].type: must be one of `rollout`, `confirm-rollout`, `pre-rollout`, `confirm-traffic-increase`, `confirm-promotion`, `post-rollout`, `rollback`, `event`, found "rolout" (did you mean `rollout`?)
        E spec.analysis.webhooks[1].type: must be one of `rollout`, `confirm-rollout`, `pre-rollout`, `confirm-traffic-increase`, `confirm-promotion`, `post-rollout`, `rollback`, `event`, found a list
        E status.lastStepTime: cannot be read: failed to parse four digit integer as year: invalid digit, expected 0-9 but got y
        E status.phase: must be one of `Initializing`, `Initialized`, `Waiting`, `Progressing`, `WaitingPromotion`, `Promoting`, `Finalising`, `Succeeded`, `Failed`, `Terminating`, `Terminated`, found "Suceeded" (did you mean `Succeeded`?)
        "#);
    }

    #[test]
    fn what_fits_is_kept() {
        let yaml = "
spec:
  service: {port: 80.0, targetPort: 8080.0}
  analysis: {stepWeights: [1, x, 3], threshold: 1e1, webhooks: [{type: ''}]}
status: {phase: Progressing}
";
        let (canary, problems) = decode::<Canary>(serde_yaml::from_str(yaml).unwrap());
        let canary = canary.unwrap();
        assert_eq!(problems.len(), 1);
        let service = canary.spec.service.unwrap();
        assert_eq!(service.port, Some(80));
        assert_eq!(service.target_port, Some(Port::Number(8080)));
        let analysis = canary.spec.analysis.unwrap();
        assert_eq!(analysis.ladder(), [1, 3]);
        assert_eq!(analysis.threshold, Some(10));
        assert_eq!(canary.status.unwrap().phase, Some(Phase::Progressing));
    }

    #[test]
    fn unknown_fields_are_warnings_with_a_guess() {
        let yaml = "
extra: 1
metadata: {name: a, generation: 4, labels: {x: y}, whatever: {a: b}}
spec:
  canaryAnalysis: {interval: 1m}
  analysis:
    stepWeigths: [1]
    iterration: 5
    zzz: 1
    metrics: [{name: a, tresholdRange: {max: 1}}]
  gitops: {onfailure: hold}
status: {phase: '', creationTimestamp: null}
";
        insta::assert_snapshot!(told::<Canary>(yaml).join("\n"), @r"
        W extra: unknown field, ignored
        W spec.canaryAnalysis: unknown field, ignored (it is now called `analysis`)
        W spec.analysis.stepWeigths: unknown field, ignored (did you mean `stepWeights`?)
        W spec.analysis.iterration: unknown field, ignored (did you mean `iterations`?)
        W spec.analysis.zzz: unknown field, ignored
        W spec.analysis.metrics[0].tresholdRange: unknown field, ignored (did you mean `thresholdRange`?)
        W spec.gitops.onfailure: unknown field, ignored (did you mean `onFailure`?)
        ");
    }

    #[test]
    fn nulls_count_as_absent_and_metadata_is_free() {
        let yaml = "
metadata: {name: a, creationTimestamp: null, labels: null, managedFields: [{a: 1}]}
spec: {analysis: {webhooks: null, metrics: [{name: null}]}, unknown: null}
status: null
";
        assert_eq!(told::<Canary>(yaml), [""; 0]);
    }

    #[test]
    fn merge_keys_and_tags_are_read_through() {
        let yaml = "
base: &base {interval: 1m, threshold: !!int 5}
spec: {analysis: {<<: *base, stepWeight: !step 5}}
";
        let (canary, _) = decode::<Canary>(serde_yaml::from_str(yaml).unwrap());
        let analysis = canary.unwrap().spec.analysis.unwrap();
        assert_eq!(analysis.threshold, Some(5));
        assert_eq!(analysis.step_weight, Some(5));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for yaml in ["", "text", "[]", "5", "~"] {
            let (canary, problems) = decode::<Canary>(serde_yaml::from_str(yaml).unwrap());
            assert_eq!(canary, None, "{yaml}");
            assert_eq!(problems.len(), 1, "{yaml}");
        }
        let many = format!(
            "spec: {{analysis: {{stepWeights: [{}]}}}}",
            "x,".repeat(500)
        );
        let (canary, problems) = decode::<Canary>(serde_yaml::from_str(&many).unwrap());
        assert_eq!((canary, problems.len()), (None, MAX_ERRORS));
    }

    #[test]
    fn the_other_kinds() {
        let yaml = "spec: {provider: {type: 5, headers: {a: b}}, query: [up]}";
        assert_eq!(
            told::<MetricTemplate>(yaml),
            [
                "E spec.provider.type: must be text, found 5 (put it in quotes: \"5\")",
                "E spec.provider.headers.a: must be a list, found the text \"b\"",
                "E spec.query: must be text, found a list",
            ]
        );
        assert_eq!(
            told::<AlertProvider>("spec: {type: slack, adress: x}"),
            ["W spec.adress: unknown field, ignored (did you mean `address`?)"]
        );
    }
}
