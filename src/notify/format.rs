//! What each kind of receiver wants to be sent.

use serde_json::{Map, Value, json};

use super::alert::Message;
use crate::api::{AlertProviderSpec, AlertSeverity};

/// Amber and red, where a receiver takes colours by number. What is well has
/// Flagger's blue, or no colour.
const BLUE: &str = "#0076D7";
const AMBER: &str = "#FFA500";
const RED: &str = "#FF0000";

/// The body for Slack, and for Discord's endpoint that takes the same
/// (Flagger: `slack.go`, `discord.go`).
pub(super) fn slack(message: &Message<'_>, spec: &AlertProviderSpec) -> Value {
    let colour = by_severity(message, ["good", "warning", "danger"]);
    attachment(message, spec, colour, slack_text)
}

/// The same for Discord, whose text is Markdown.
pub(super) fn discord(message: &Message<'_>, spec: &AlertProviderSpec) -> Value {
    let colour = by_severity(message, ["good", "warning", "danger"]);
    attachment(message, spec, colour, markdown)
}

/// The body for Rocket.Chat (Flagger: `rocket.go`).
pub(super) fn rocket(message: &Message<'_>, spec: &AlertProviderSpec) -> Value {
    attachment(
        message,
        spec,
        by_severity(message, [BLUE, AMBER, RED]),
        markdown,
    )
}

fn attachment(
    message: &Message<'_>,
    spec: &AlertProviderSpec,
    colour: &str,
    escape: fn(&str) -> String,
) -> Value {
    let fields = message.shown_fields();
    let fields: Vec<Value> = fields
        .iter()
        .map(|(name, value)| json!({"title": name, "value": escape(value), "short": false}))
        .collect();
    let mut attachment = json!({
        "fallback": escape(&format!("{}: {}", message.title(), message.text)),
        "color": colour,
        "author_name": message.title(),
        "text": escape(&message.text),
        "mrkdwn_in": ["text"],
        "fields": fields,
    });
    if let Some((text, url)) = message.link() {
        attachment["title"] = text.into();
        attachment["title_link"] = url.into();
    }
    json!({
        "channel": spec.channel(),
        "username": spec.username(),
        "icon_emoji": ":rocket:",
        "attachments": [attachment],
    })
}

/// An Adaptive Card, as the workflows of Microsoft Teams want it. Flagger sends
/// a MessageCard, which the retired connectors took.
pub(super) fn teams(message: &Message<'_>) -> Value {
    let colour = by_severity(message, ["good", "warning", "attention"]);
    let fields = message.shown_fields();
    let facts: Vec<Value> = fields
        .iter()
        .map(|(name, value)| json!({"title": name, "value": markdown(value)}))
        .collect();
    let mut body = vec![
        json!({
            "type": "TextBlock",
            "size": "Medium",
            "weight": "Bolder",
            "color": colour,
            "text": markdown(&message.title()),
            "wrap": true,
        }),
        json!({"type": "TextBlock", "text": markdown(&message.text), "wrap": true}),
    ];
    if !facts.is_empty() {
        body.push(json!({"type": "FactSet", "facts": facts}));
    }
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    });
    if let Some((text, url)) = message.link() {
        card["actions"] = json!([{"type": "Action.OpenUrl", "title": text, "url": url}]);
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

/// A card of version 2 for Google Chat. Flagger sends version 1, which is
/// deprecated.
pub(super) fn google_chat(message: &Message<'_>) -> Value {
    let text = html(&message.text);
    let text = match message.severity {
        AlertSeverity::Info => text,
        AlertSeverity::Warn => format!("<font color=\"{AMBER}\">{text}</font>"),
        AlertSeverity::Error => format!("<font color=\"{RED}\">{text}</font>"),
    };
    let mut widgets = vec![json!({"textParagraph": {"text": text}})];
    for (name, value) in message.shown_fields() {
        let field = json!({"topLabel": name, "text": html(&value), "wrapText": true});
        widgets.push(json!({"decoratedText": field}));
    }
    if let Some((text, url)) = message.link() {
        let button = json!({"text": text, "onClick": {"openLink": {"url": url}}});
        widgets.push(json!({"buttonList": {"buttons": [button]}}));
    }
    let header = json!({"title": message.title(), "subtitle": word(message.severity)});
    json!({
        "fallbackText": html(&format!("{}: {}", message.title(), message.text)),
        "cardsV2": [{
            "cardId": "weirkeeper",
            "card": {"header": header, "sections": [{"widgets": widgets}]},
        }],
    })
}

/// Plain JSON, for programs:
///
/// ```json
/// {
///   "version": 1,
///   "canary": {"name": "podinfo", "namespace": "test"},
///   "severity": "info",
///   "message": "…",
///   "phase": "Succeeded",
///   "fields": {"Cluster": "…"},
///   "commit": {"sha": "…", "url": "…"}
/// }
/// ```
///
/// `severity` is `info`, `warn` or `error`. `phase`, `commit` and its `url` are
/// null when they are not known.
pub(super) fn plain(message: &Message<'_>) -> Value {
    let fields: Map<String, Value> = message
        .fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
        .collect();
    json!({
        "version": 1,
        "canary": {"name": message.name, "namespace": message.namespace},
        "severity": word(message.severity),
        "message": message.text,
        "phase": message.phase,
        "fields": fields,
        "commit": message.commit.as_ref().map(|commit| json!({
            "sha": commit.sha,
            "url": commit.url,
        })),
    })
}

fn by_severity<'a>(message: &Message<'_>, [info, warn, error]: [&'a str; 3]) -> &'a str {
    match message.severity {
        AlertSeverity::Info => info,
        AlertSeverity::Warn => warn,
        AlertSeverity::Error => error,
    }
}

fn word(severity: AlertSeverity) -> &'static str {
    match severity {
        AlertSeverity::Info => "info",
        AlertSeverity::Warn => "warn",
        AlertSeverity::Error => "error",
    }
}

/// Text as Slack wants it: three characters would be markup.
fn slack_text(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Text in a card of Google Chat, which is a little HTML.
fn html(text: &str) -> String {
    slack_text(text)
}

/// Text that Markdown shows as it is, and that calls nobody by name.
fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '_' | '~' | '`' | '[' | ']') {
            escaped.push('\\');
        }
        escaped.push(c);
        if c == '@' {
            // A space of no width.
            escaped.push('\u{200b}');
        }
    }
    escaped
}
