//! JSON patches (RFC 6902), as Kustomize applies them.

use serde_yaml::Value;

/// `object` after the operations of `patch`.
///
/// # Errors
/// Which operation cannot be done, and why.
pub(super) fn apply(object: &Value, patch: &[Value]) -> Result<Value, String> {
    let mut value = object.clone();
    for (index, operation) in patch.iter().enumerate() {
        one(&mut value, operation).map_err(|why| format!("operation {index} fails: {why}"))?;
    }
    Ok(value)
}

fn one(object: &mut Value, operation: &Value) -> Result<(), String> {
    let text = |key: &str| {
        let text = operation.get(key).and_then(Value::as_str);
        text.ok_or_else(|| format!("it has no `{key}`"))
    };
    let value = || {
        let value = operation.get("value").cloned();
        value.ok_or_else(|| "it has no `value`".to_owned())
    };
    let path = text("path")?;
    match text("op")? {
        "add" => add(object, path, value()?),
        "remove" => remove(object, path).map(drop),
        "replace" => {
            *find(object, path)? = value()?;
            Ok(())
        }
        "move" => {
            let moved = remove(object, text("from")?)?;
            add(object, path, moved)
        }
        "copy" => {
            let copied = find(object, text("from")?)?.clone();
            add(object, path, copied)
        }
        "test" if *find(object, path)? == value()? => Ok(()),
        "test" => Err(format!("{path} holds another value")),
        other => Err(format!("there is no operation `{other}`")),
    }
}

/// Parent and last step of a pointer.
fn split(path: &str) -> Result<(&str, String), String> {
    let (parent, last) = path
        .rsplit_once('/')
        .ok_or_else(|| format!("{path:?} is no path of a field"))?;
    Ok((parent, plain(last)))
}

fn plain(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

fn find<'a>(object: &'a mut Value, path: &str) -> Result<&'a mut Value, String> {
    let missing = || format!("{path} is not there");
    let mut value = object;
    for step in path.split('/').skip(1) {
        let step = plain(step);
        value = match value {
            Value::Mapping(fields) => fields.get_mut(step.as_str()),
            Value::Sequence(items) => {
                let index = position(&step, items.len());
                index.and_then(|index| items.get_mut(index))
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Tagged(_) => None,
        }
        .ok_or_else(missing)?;
    }
    Ok(value)
}

/// An index into a list of `len` items; a negative one counts from the end.
fn position(step: &str, len: usize) -> Option<usize> {
    match step.strip_prefix('-') {
        Some(back) => len.checked_sub(back.parse().ok()?),
        None => step.parse().ok(),
    }
}

fn add(object: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let (parent, last) = split(path)?;
    match find(object, parent)? {
        Value::Mapping(fields) => {
            fields.insert(last.into(), value);
            Ok(())
        }
        Value::Sequence(items) => {
            let index = match last.as_str() {
                "-" => Some(items.len()),
                last => position(last, items.len()),
            };
            let index = index.filter(|index| *index <= items.len());
            let index = index.ok_or_else(|| format!("{path} is beyond the list"))?;
            items.insert(index, value);
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {
            Err(format!("{parent} holds no fields"))
        }
    }
}

fn remove(object: &mut Value, path: &str) -> Result<Value, String> {
    let (parent, last) = split(path)?;
    let removed = match find(object, parent)? {
        Value::Mapping(fields) => fields.shift_remove(last.as_str()),
        Value::Sequence(items) => position(&last, items.len())
            .filter(|index| *index < items.len())
            .map(|index| items.remove(index)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {
            None
        }
    };
    removed.ok_or_else(|| format!("{path} is not there"))
}
