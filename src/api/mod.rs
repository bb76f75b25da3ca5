//! What people write: `Canary`, `MetricTemplate` and `AlertProvider` of
//! `flagger.app/v1beta1`, with Flagger's defaults as documented constants and
//! validation that returns every problem with its field path.
//!
//! Nothing here reads a file or knows of Git. Types accept what Flagger's
//! schema accepts; what is required or contradictory is a [`Problem`] found by
//! `validate`, so that one run reports all of them.

mod alert_provider;
mod analysis;
mod canary;
mod decode;
mod duration;
mod field;
mod gitops;
mod metric_template;
mod problem;
mod provider_type;
mod selector;
mod service;
mod status;
mod validate;
mod window;
mod words;

pub use alert_provider::{AlertProvider, AlertProviderSpec};
pub use analysis::{
    Alert, AlertSeverity, Analysis, BuiltIn, HttpMatch, Metric, OnNoData, Percentile,
    SessionAffinity, StringMatch, ThresholdRange, Webhook, WebhookType,
};
pub use canary::{
    AutoscalerRef, Canary, CanarySpec, LocalRef, Metadata, NamespacedRef, ObjectRef,
    PrimaryScalerReplicas, Strategy,
};
pub use decode::decode;
pub use duration::{InvalidDuration, parse_duration};
pub use field::{FieldPath, InvalidFieldPath, Segment};
pub use gitops::{
    Applied, AppliedFrom, Channel, FieldCopy, FieldEnd, GateSpec, GatewaySpec, GitOps,
    ObservedShare, OnDrift, OnFailure, Promotion, PromotionMode, Readiness, ReadinessFrom,
    RouteRef,
};
pub use metric_template::{MetricProvider, MetricTemplate, MetricTemplateSpec};
pub use problem::{Problem, Severity};
pub use provider_type::{Address, ProviderType, Wanted};
pub use selector::{FieldSelector, NotSelected, Selected};
pub use service::{
    BackendRef, CorsPolicy, CustomMetadata, GatewayRef, HeaderOperations, Headers, MirrorRef, Port,
    Retries, Rewrite, Service, UnmanagedMetadata,
};
pub use status::{Condition, Deferred, GateStatus, Phase, Said, Status, Traffic, validate_status};
pub use validate::{
    Document, read, unsupported, unsupported_by_route, unsupported_in_generated_route,
    validate_alert_provider, validate_canary, validate_metric_template,
};
pub use window::{Window, WindowKind};
pub(crate) use words::{closest, is_secret, without_credentials};

/// Group and version of the documents read here.
pub const API_VERSION: &str = "flagger.app/v1beta1";
