//! Requests, checked against GitHub's own description of its REST API.
//!
//! `WEIRKEEPER_GITHUB_OPENAPI` names the description, as `.ci/github/install` cuts
//! it: of each path and method the parameters and the schema of the body. Without
//! it requests are not checked.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use url::form_urlencoded;

/// The description, if there is one on this machine.
static DESCRIPTION: LazyLock<Option<Value>> = LazyLock::new(|| {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests read where the description is"
    )]
    let file = std::env::var_os("WEIRKEEPER_GITHUB_OPENAPI");
    let Some(file) = file else {
        println!("not checked: WEIRKEEPER_GITHUB_OPENAPI is not set");
        return None;
    };
    let text = fs_err::read_to_string(PathBuf::from(file)).unwrap();
    let mut description: Value = serde_json::from_str(&text).unwrap();
    to_json_schema(&mut description);
    Some(description)
});

pub(crate) fn description() -> Option<&'static Value> {
    DESCRIPTION.as_ref()
}

/// The folder in which requests are noted for those who look at all of them.
pub(crate) fn seen() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the gate says where to note requests"
    )]
    let folder = std::env::var_os("WEIRKEEPER_GITHUB_SEEN");
    folder.map(PathBuf::from)
}

/// What is wrong with a request; `None` when it is one that GitHub describes, or
/// nobody knows.
pub(crate) fn violation(method: &str, path: &str, body: &[u8]) -> Option<String> {
    note(method, path);
    let found = check(description()?, method, path, body).err()?;
    Some(format!("{method} {path}: {found}"))
}

/// Notes method and path of a request, without its parameters.
fn note(method: &str, path: &str) {
    let Some(folder) = seen() else { return };
    fs_err::create_dir_all(&folder).unwrap();
    let file = fs_err::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("rest"));
    let line = format!("{method} {}\n", path.split('?').next().unwrap());
    file.unwrap().write_all(line.as_bytes()).unwrap();
}

/// # Errors
/// In words, what `description` does not allow.
pub(crate) fn check(
    description: &Value,
    method: &str,
    path: &str,
    body: &[u8],
) -> Result<(), String> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (operation, values) = operation(description, method, path)?;
    let described = operation["parameters"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let parameter = |place: &str, name: &str| {
        let mut all = described.iter();
        all.find(|parameter| parameter["in"] == place && parameter["name"] == name)
    };
    for (name, value) in values {
        if let Some(parameter) = parameter("path", &name) {
            check_text(&parameter["schema"], &name, &value)?;
        }
    }
    let mut given = BTreeSet::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let parameter = parameter("query", &name);
        let parameter = parameter.ok_or_else(|| format!("there is no parameter `{name}`"))?;
        check_text(&parameter["schema"], &name, &value)?;
        given.insert(name.into_owned());
    }
    for parameter in &described {
        let name = parameter["name"].as_str().unwrap();
        if parameter["in"] == "query" && parameter["required"] == true && !given.contains(name) {
            return Err(format!("the parameter `{name}` is missing"));
        }
    }
    check_body(&operation["body"], body)
}

/// What stands for each parameter of a path.
type Values = Vec<(String, String)>;

/// The described operation of a path, and what stands for its parameters.
pub(crate) fn operation<'a>(
    description: &'a Value,
    method: &str,
    path: &str,
) -> Result<(&'a Value, Values), String> {
    let asked: Vec<&str> = path.trim_matches('/').split('/').collect();
    let mut best: Option<(usize, &Value, Values)> = None;
    for (template, operations) in description["paths"].as_object().unwrap() {
        let parts: Vec<&str> = template.trim_matches('/').split('/').collect();
        if parts.len() != asked.len() {
            continue;
        }
        let mut values = Vec::new();
        let fits = parts.iter().zip(&asked).all(|(part, asked)| {
            match part
                .strip_prefix('{')
                .and_then(|part| part.strip_suffix('}'))
            {
                Some(name) => {
                    values.push((name.to_owned(), (*asked).to_owned()));
                    !asked.is_empty()
                }
                None => part == asked,
            }
        });
        // The path with the fewest parameters is the one that is meant.
        if fits
            && best
                .as_ref()
                .is_none_or(|(count, ..)| values.len() < *count)
        {
            best = Some((values.len(), operations, values));
        }
    }
    let (_, operations, values) = best.ok_or("there is no such path")?;
    let operation = operations.get(method.to_lowercase());
    Ok((operation.ok_or("the path has no such method")?, values))
}

/// Checks a value that came as text.
fn check_text(schema: &Value, name: &str, text: &str) -> Result<(), String> {
    let kinds = &schema["type"];
    let is = |kind: &str| {
        kinds == kind
            || kinds
                .as_array()
                .is_some_and(|all| all.contains(&json!(kind)))
    };
    let value = match () {
        () if is("integer") || is("number") => text
            .parse::<i64>()
            .map_or(json!(text), |number| json!(number)),
        () if is("boolean") => text
            .parse::<bool>()
            .map_or(json!(text), |value| json!(value)),
        () if is("array") => json!([text]),
        () => json!(text),
    };
    validate(schema, &value).map_err(|why| format!("`{name}`: {why}"))
}

fn check_body(described: &Value, body: &[u8]) -> Result<(), String> {
    if body.is_empty() {
        return match described["required"] == true {
            true => Err("the body is missing".to_owned()),
            false => Ok(()),
        };
    }
    if described.is_null() {
        return Err("it takes no body".to_owned());
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let schema = &described["schema"];
    // A schema allows properties that it does not name; GitHub ignores them.
    let (mut known, mut open) = (BTreeSet::new(), false);
    properties(schema, &mut known, &mut open);
    for name in body.as_object().into_iter().flat_map(Map::keys) {
        if !open && !known.contains(name) {
            return Err(format!("the body has no property `{name}`"));
        }
    }
    validate(schema, &body)
}

/// Every property that a schema names at its top.
fn properties(schema: &Value, known: &mut BTreeSet<String>, open: &mut bool) {
    let additional = &schema["additionalProperties"];
    *open |= additional == true || additional.is_object();
    for name in schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
    {
        known.insert(name.clone());
    }
    for list in ["allOf", "anyOf", "oneOf"] {
        for inner in schema[list].as_array().into_iter().flatten() {
            properties(inner, known, open);
        }
    }
}

fn validate(schema: &Value, value: &Value) -> Result<(), String> {
    let validator = jsonschema::validator_for(schema).map_err(|error| error.to_string())?;
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{} {error}", error.instance_path()))
        .collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(errors.join("; ")),
    }
}

/// From OpenAPI 3.0 to JSON Schema: `nullable` is a type there.
fn to_json_schema(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(to_json_schema),
        Value::Object(map) => {
            map.values_mut().for_each(to_json_schema);
            if map.remove("nullable") != Some(json!(true)) {
                return;
            }
            if let Some(Value::Array(allowed)) = map.get_mut("enum") {
                allowed.push(Value::Null);
            }
            match map.get("type").cloned() {
                Some(Value::String(kind)) => {
                    map.insert("type".to_owned(), json!([kind, "null"]));
                }
                Some(_) => {}
                None => {
                    let inner = std::mem::take(map);
                    map.insert("anyOf".to_owned(), json!([inner, {"type": "null"}]));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Value {
        let mut description = json!({"paths": {
            "/repos/{owner}/{repo}/pulls": {"post": {
                "parameters": [{"name": "owner", "in": "path", "schema": {"type": "string"}}],
                "body": {"required": true, "schema": {
                    "type": "object", "required": ["head"],
                    "properties": {
                        "head": {"type": "string"},
                        "body": {"type": "string", "nullable": true},
                    },
                }},
            }},
            "/repos/{owner}/{repo}/pulls/{number}": {"get": {
                "parameters": [
                    {"name": "number", "in": "path", "schema": {"type": "integer"}},
                    {"name": "page", "in": "query", "schema": {"type": "integer"}},
                    {"name": "state", "in": "query", "required": true,
                     "schema": {"type": "string", "enum": ["open"]}},
                ],
            }},
            "/repos/{owner}/{repo}/pulls/comments": {"get": {}},
        }});
        to_json_schema(&mut description);
        description
    }

    #[test]
    fn what_is_not_described_is_a_violation() {
        let description = small();
        let get = "/repos/a/b/pulls/1";
        for (method, path, body, said) in [
            (
                "POST",
                "/repos/a/b/pulls",
                r#"{"head": "x", "body": null}"#,
                "",
            ),
            ("GET", "/repos/a/b/pulls/1?state=open&page=2", "", ""),
            ("GET", "/repos/a/b/pulls/comments", "", ""),
            ("POST", "/repos/a/b/pull", "{}", "no such path"),
            ("PATCH", "/repos/a/b/pulls", "{}", "no such method"),
            ("POST", "/repos/a/b/pulls", "", "the body is missing"),
            (
                "POST",
                "/repos/a/b/pulls",
                r#"{"head": 1}"#,
                "/head 1 is not of type",
            ),
            ("POST", "/repos/a/b/pulls", "{}", "required"),
            (
                "POST",
                "/repos/a/b/pulls",
                r#"{"head": "x", "heads": 1}"#,
                "no property `heads`",
            ),
            ("GET", "/repos/a/b/pulls/x?state=open", "", "`number`"),
            ("GET", get, "", "`state` is missing"),
            ("GET", &format!("{get}?state=shut"), "", "`state`"),
            ("GET", &format!("{get}?state=open&page=x"), "", "`page`"),
            (
                "GET",
                &format!("{get}?state=open&sort=x"),
                "",
                "no parameter `sort`",
            ),
            ("GET", &format!("{get}?state=open"), "{}", "takes no body"),
        ] {
            let found = check(&description, method, path, body.as_bytes()).err();
            let found = found.unwrap_or_default();
            assert_eq!(found.is_empty(), said.is_empty(), "{method} {path} {found}");
            assert!(found.contains(said), "{method} {path} {found}");
        }
    }
}
