//! One object of one file.

use std::sync::Arc;

use serde_yaml::Value;

use crate::api::{FieldPath, Problem};
use crate::diagnostic::{Diagnostic, Source, to_diagnostic};
use crate::error::{Error, Result};
use crate::yaml::{Limits, Stream, YamlError};

/// A file that was read.
#[derive(Debug)]
pub struct ParsedFile {
    /// Path and text.
    pub source: Arc<Source>,
    /// Its documents.
    pub stream: Stream,
}

impl ParsedFile {
    /// Reads the documents of a file.
    ///
    /// # Errors
    /// [`Kind::Document`](crate::error::Kind::Document) with the place, when it
    /// is not YAML or beyond the limits.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Self> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let source = Arc::new(Source {
            path: path.to_owned(),
            text,
        });
        match Stream::from_bytes(bytes, &Limits::default()) {
            Ok(stream) => Ok(Self { source, stream }),
            Err(error) => {
                Err(Error::document(format!("{path} cannot be read"))
                    .at([of_yaml(&error, &source)]))
            }
        }
    }

    /// What is wrong with the documents that cannot be understood.
    #[must_use]
    pub fn unreadable(&self) -> Vec<Diagnostic> {
        let documents = self.stream.documents().iter();
        documents
            .filter_map(|document| document.to_value().err())
            .map(|error| of_yaml(&error, &self.source))
            .collect()
    }

    /// The objects of the file: documents with `kind` and `metadata.name`. A
    /// document that cannot be understood is left out.
    #[must_use]
    pub fn manifests(self: &Arc<Self>) -> Vec<Manifest> {
        (0..self.stream.documents().len())
            .filter_map(|document| {
                let value = self.stream.documents()[document].to_value().ok()?;
                Manifest::new(Arc::clone(self), document, value)
            })
            .collect()
    }
}

fn of_yaml(error: &YamlError, source: &Arc<Source>) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(error.to_string()).at(source, error.span());
    diagnostic.hint = error.hint().map(str::to_owned);
    diagnostic
}

/// One object: its value, and where it stands.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The file.
    pub file: Arc<ParsedFile>,
    /// Its document in the file, from 0.
    pub document: usize,
    /// The object as it reads. Copies share it.
    pub value: Arc<Value>,
    /// `kind`.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`, else that of the nearest kustomization.
    pub namespace: Option<String>,
}

impl Manifest {
    /// The file in the home folder that patches this object where others share it.
    #[must_use]
    pub(crate) fn patch_file(&self) -> String {
        format!("{}-{}-patch.yaml", self.name, self.kind.to_lowercase())
    }

    /// A document of any kind; kind and name are empty when it has none. `None`
    /// when it is not there or cannot be understood.
    #[must_use]
    pub(crate) fn any(file: &Arc<ParsedFile>, document: usize) -> Option<Self> {
        let value = file.stream.documents().get(document)?.to_value().ok()?;
        Self::new(Arc::clone(file), document, value.clone()).or_else(|| {
            Some(Self {
                file: Arc::clone(file),
                document,
                kind: String::new(),
                name: String::new(),
                namespace: None,
                value: Arc::new(value),
            })
        })
    }

    fn new(file: Arc<ParsedFile>, document: usize, value: Value) -> Option<Self> {
        let text = |path: [&str; 2]| {
            let value = value.get(path[0])?.get(path[1])?;
            Some(value.as_str()?.to_owned())
        };
        let kind = value.get("kind")?.as_str()?.to_owned();
        let name = text(["metadata", "name"]).unwrap_or_default();
        let namespace = text(["metadata", "namespace"]);
        Some(Self {
            file,
            document,
            kind,
            name,
            namespace,
            value: Arc::new(value),
        })
    }

    /// `namespace/name`, or the name alone.
    #[must_use]
    pub fn id(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Path of the file in the repository.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.file.source.path
    }

    /// The folder of the file, `""` at the top.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder)
    }

    /// `apiVersion`, empty when absent.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.value
            .get("apiVersion")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// A finding at a field of this object.
    #[must_use]
    pub fn diagnostic(&self, problem: &Problem) -> Diagnostic {
        to_diagnostic(problem, &self.file.source, &|path, at_key| {
            self.span(path, at_key)
        })
    }

    /// An error at a field of this object.
    #[must_use]
    pub fn error_at(&self, path: &str, message: impl Into<String>) -> Diagnostic {
        let path: FieldPath = path.parse().unwrap_or_default();
        let diagnostic = Diagnostic::error(message).at(&self.file.source, self.span(&path, false));
        match path.segments().is_empty() {
            true => diagnostic,
            false => diagnostic.field(path),
        }
    }

    /// The bytes of a field, or of the nearest one that exists.
    fn span(&self, path: &FieldPath, at_key: bool) -> std::ops::Range<usize> {
        let Some(document) = self.file.stream.documents().get(self.document) else {
            return 0..0;
        };
        let scalar = document
            .get(path)
            .filter(|node| !at_key && node.scalar().is_some() && !node.span.is_empty());
        match scalar {
            Some(node) => node.span.clone(),
            None => document.nearest(path),
        }
    }
}
