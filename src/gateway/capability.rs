//! What an implementation can do, by version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::version::{self, Version};

/// Something that a release may need of a gateway; the keys of
/// `spec.gitops.gateway.assume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Capability {
    /// Requests are divided by the weights of backendRefs.
    Weights,
    /// A backendRef of weight 0 gets no request.
    WeightZero,
    /// A rule copies its requests to another backend.
    Mirror,
    /// A rule copies some percent of its requests.
    MirrorPercent,
    /// A rule changes headers of responses.
    ResponseHeaders,
    /// A backendRef changes headers of the requests it gets.
    BackendRequestHeaders,
    /// A backendRef changes headers of its responses: session affinity marks them so.
    BackendResponseHeaders,
    /// A match compares a header with a regular expression.
    HeaderRegex,
    /// Requests are divided by the weights of a GRPCRoute.
    GrpcWeights,
    /// Rules may have names.
    RuleNames,
    /// Sticky sessions by `sessionPersistence` of the Gateway API.
    SessionPersistence,
    /// The metrics tell the two backends of one rule apart.
    SeparableMetrics,
    /// The metrics know statuses of gRPC.
    GrpcStatus,
}

impl Capability {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 13] = [
        Self::Weights,
        Self::WeightZero,
        Self::GrpcWeights,
        Self::HeaderRegex,
        Self::ResponseHeaders,
        Self::BackendRequestHeaders,
        Self::BackendResponseHeaders,
        Self::Mirror,
        Self::MirrorPercent,
        Self::RuleNames,
        Self::SessionPersistence,
        Self::SeparableMetrics,
        Self::GrpcStatus,
    ];

    /// Its key in `assume`: `mirror`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::WeightZero => "weightZero",
            Self::Mirror => "mirror",
            Self::MirrorPercent => "mirrorPercent",
            Self::ResponseHeaders => "responseHeaders",
            Self::BackendRequestHeaders => "backendRequestHeaders",
            Self::BackendResponseHeaders => "backendResponseHeaders",
            Self::HeaderRegex => "headerRegex",
            Self::GrpcWeights => "grpcWeights",
            Self::RuleNames => "ruleNames",
            Self::SessionPersistence => "sessionPersistence",
            Self::SeparableMetrics => "separableMetrics",
            Self::GrpcStatus => "grpcStatus",
        }
    }

    /// The one of this key.
    #[must_use]
    pub fn of(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.key() == key)
    }

    /// Does something that a Canary may say need it? The others are told for those who
    /// write routes themselves.
    #[must_use]
    pub fn is_needed(self) -> bool {
        let told = [
            Self::MirrorPercent,
            Self::BackendRequestHeaders,
            Self::SessionPersistence,
        ];
        !told.contains(&self)
    }

    /// What it is, for people.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Weights => "weights of backends",
            Self::WeightZero => "weight 0",
            Self::Mirror => "copies of requests",
            Self::MirrorPercent => "copies of some percent of the requests",
            Self::ResponseHeaders => "headers of responses, changed by a rule",
            Self::BackendRequestHeaders => "headers of requests, changed for one backend",
            Self::BackendResponseHeaders => "headers of responses, changed for one backend",
            Self::HeaderRegex => "regular expressions for headers",
            Self::GrpcWeights => "weights in a GRPCRoute",
            Self::RuleNames => "names of rules",
            Self::SessionPersistence => "sessionPersistence of the Gateway API",
            Self::SeparableMetrics => "metrics that tell the two backends of a rule apart",
            Self::GrpcStatus => "metrics that know statuses of gRPC",
        }
    }
}

/// Is it there?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Support {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// Nobody has found out.
    #[default]
    Unknown,
}

/// Is it there, and what happens if not?
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Answer {
    /// Is it there?
    pub is: Support,
    /// What happens, or under which condition, as half a sentence.
    pub note: Option<String>,
}

/// An [`Answer`] as it is written: one word, or with a note.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Word(Support),
    #[serde(rename_all = "camelCase")]
    Noted {
        is: Support,
        note: Option<String>,
    },
}

impl From<Written> for Answer {
    fn from(written: Written) -> Self {
        match written {
            Written::Word(is) => Self { is, note: None },
            Written::Noted { is, note } => Self { is, note },
        }
    }
}

/// What some versions can do. Of several records that say something about a
/// capability the first that fits the version counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// The versions, as Cargo writes requirements: `>=3.7.6`. All when absent. A
    /// Canary that says no version has the newest: a record with versions does not
    /// fit it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<String>,
    /// GatewayClasses that this is about; a Canary whose class nobody knows has
    /// none of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Weights are to be written times this; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_scale: Option<i64>,
    /// The least weight that is kept well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_step: Option<LeastStep>,
    /// What is there.
    #[serde(flatten)]
    pub answers: BTreeMap<Capability, Answer>,
}

/// The least share that a gateway keeps well.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeastStep {
    /// In percent.
    pub percent: f64,
    /// What happens to a smaller one, as half a sentence.
    pub note: String,
}

impl Capabilities {
    /// Is it about this version and class?
    #[must_use]
    pub fn fits(&self, version: Option<&Version>, class: Option<&str>) -> bool {
        let is_version = |wanted: &String| {
            version.is_some_and(|version| version::matches(wanted, version) == Some(true))
        };
        let is_class = |wanted: &Vec<String>| {
            class.is_some_and(|class| wanted.iter().any(|known| known == class))
        };
        self.versions.as_ref().is_none_or(is_version) && self.classes.as_ref().is_none_or(is_class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_files() {
        for one in Capability::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.key());
            assert_eq!(Capability::of(one.key()), Some(one));
        }
        let mut sorted = Capability::ALL.to_vec();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), Capability::ALL.len());
        assert_eq!(Capability::of("mirrors"), None);
    }

    #[test]
    fn an_answer_is_a_word_or_has_a_note() {
        let record: Capabilities = serde_yaml::from_str(
            "{versions: '>=2', mirror: no, weights: {is: yes, note: exact}, weightScale: 1000}",
        )
        .unwrap();
        assert_eq!(record.answers[&Capability::Mirror].is, Support::No);
        let weights = &record.answers[&Capability::Weights];
        assert_eq!(
            (weights.is, weights.note.as_deref()),
            (Support::Yes, Some("exact"))
        );
        assert_eq!(record.weight_scale, Some(1000));
        assert!(serde_yaml::from_str::<Capabilities>("mirrors: no").is_err());
        assert!(serde_yaml::from_str::<Capabilities>("mirror: perhaps").is_err());
    }

    #[test]
    fn a_record_is_about_versions_and_classes() {
        let record = |versions: Option<&str>, classes: Option<&[&str]>| Capabilities {
            versions: versions.map(str::to_owned),
            classes: classes.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
            ..Capabilities::default()
        };
        let version = version::read("v3.7").unwrap();
        assert!(record(None, None).fits(None, None));
        assert!(record(Some(">=3.7"), None).fits(Some(&version), None));
        assert!(!record(Some(">=3.7.1"), None).fits(Some(&version), None));
        assert!(!record(Some(">=3.7"), None).fits(None, None));
        assert!(record(None, Some(&["a", "b"])).fits(None, Some("b")));
        assert!(!record(None, Some(&["a", "b"])).fits(None, Some("c")));
        assert!(!record(None, Some(&["a"])).fits(Some(&version), None));
    }
}
