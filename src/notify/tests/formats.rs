//! What each kind of receiver is sent.

use super::*;

const MARKUP: &str = "latency_p99 <812> & *more* than 500, @here";

/// What a provider of `kind` gets when somebody is told this.
async fn sent(kind: &str, severity: AlertSeverity, message: &str) -> String {
    let server = taking().await;
    let spec = format!("{{type: {kind}, address: '{}/hook?a=b'}}", server.uri());
    let providers = [(0, provider(&spec))].into();
    let canary = canary("alerts: [{name: a}]");
    let notices = [notice(severity, message)];
    let news = News {
        notices: &notices,
        ..news(&canary, &providers)
    };
    let untold = notifier(settings()).announce(&news).await;
    assert_eq!(told(&untold), [""; 0]);
    let requests = received(&server).await;
    let [request] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    let content_type = request.headers["content-type"].to_str().unwrap();
    assert_eq!(content_type, "application/json");
    let target = format!("{}?{}", request.url.path(), request.url.query().unwrap());
    let body = serde_json::to_string_pretty(&body(request)).unwrap();
    // A space of no width is seen by nobody.
    let body = body.replace('\u{200b}', "[U+200B]");
    format!("{} {target}\n{body}", request.method)
}

#[tokio::test]
async fn slack() {
    insta::assert_snapshot!(sent("slack", AlertSeverity::Info, "New revision detected").await, @r#"
    POST /hook?a=b
    {
      "attachments": [
        {
          "author_name": "podinfo.test",
          "color": "good",
          "fallback": "podinfo.test: New revision detected",
          "fields": [
            {
              "short": false,
              "title": "Cluster",
              "value": "prod"
            },
            {
              "short": false,
              "title": "Target",
              "value": "Deployment/podinfo.test"
            },
            {
              "short": false,
              "title": "Failed checks threshold",
              "value": "5"
            },
            {
              "short": false,
              "title": "Progress deadline",
              "value": "120s"
            },
            {
              "short": false,
              "title": "Traffic routing",
              "value": "Weight step: 10 max: 50"
            }
          ],
          "mrkdwn_in": [
            "text"
          ],
          "text": "New revision detected",
          "title": "Commit 01234567",
          "title_link": "https://github.com/me/fleet/commit/0123456789abcdef0123456789abcdef01234567"
        }
      ],
      "channel": "general",
      "icon_emoji": ":rocket:",
      "username": "weirkeeper"
    }
    "#);
    insta::assert_snapshot!(sent("slack", AlertSeverity::Error, MARKUP).await, @r#"
    POST /hook?a=b
    {
      "attachments": [
        {
          "author_name": "podinfo.test",
          "color": "danger",
          "fallback": "podinfo.test: latency_p99 &lt;812&gt; &amp; *more* than 500, @here",
          "fields": [
            {
              "short": false,
              "title": "Cluster",
              "value": "prod"
            }
          ],
          "mrkdwn_in": [
            "text"
          ],
          "text": "latency_p99 &lt;812&gt; &amp; *more* than 500, @here",
          "title": "Commit 01234567",
          "title_link": "https://github.com/me/fleet/commit/0123456789abcdef0123456789abcdef01234567"
        }
      ],
      "channel": "general",
      "icon_emoji": ":rocket:",
      "username": "weirkeeper"
    }
    "#);
}

#[tokio::test]
async fn discord() {
    insta::assert_snapshot!(sent("discord", AlertSeverity::Warn, MARKUP).await, @r#"
    POST /hook/slack?a=b
    {
      "attachments": [
        {
          "author_name": "podinfo.test",
          "color": "warning",
          "fallback": "podinfo.test: latency\\_p99 <812> & \\*more\\* than 500, @[U+200B]here",
          "fields": [
            {
              "short": false,
              "title": "Cluster",
              "value": "prod"
            }
          ],
          "mrkdwn_in": [
            "text"
          ],
          "text": "latency\\_p99 <812> & \\*more\\* than 500, @[U+200B]here",
          "title": "Commit 01234567",
          "title_link": "https://github.com/me/fleet/commit/0123456789abcdef0123456789abcdef01234567"
        }
      ],
      "channel": "general",
      "icon_emoji": ":rocket:",
      "username": "weirkeeper"
    }
    "#);
}

#[tokio::test]
async fn rocket() {
    insta::assert_snapshot!(sent("rocket", AlertSeverity::Warn, MARKUP).await, @r##"
    POST /hook?a=b
    {
      "attachments": [
        {
          "author_name": "podinfo.test",
          "color": "#FFA500",
          "fallback": "podinfo.test: latency\\_p99 <812> & \\*more\\* than 500, @[U+200B]here",
          "fields": [
            {
              "short": false,
              "title": "Cluster",
              "value": "prod"
            }
          ],
          "mrkdwn_in": [
            "text"
          ],
          "text": "latency\\_p99 <812> & \\*more\\* than 500, @[U+200B]here",
          "title": "Commit 01234567",
          "title_link": "https://github.com/me/fleet/commit/0123456789abcdef0123456789abcdef01234567"
        }
      ],
      "channel": "general",
      "icon_emoji": ":rocket:",
      "username": "weirkeeper"
    }
    "##);
}

#[tokio::test]
async fn teams() {
    insta::assert_snapshot!(sent("msteams", AlertSeverity::Info, "New revision detected").await, @r#"
    POST /hook?a=b
    {
      "attachments": [
        {
          "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "actions": [
              {
                "title": "Commit 01234567",
                "type": "Action.OpenUrl",
                "url": "https://github.com/me/fleet/commit/0123456789abcdef0123456789abcdef01234567"
              }
            ],
            "body": [
              {
                "color": "good",
                "size": "Medium",
                "text": "podinfo.test",
                "type": "TextBlock",
                "weight": "Bolder",
                "wrap": true
              },
              {
                "text": "New revision detected",
                "type": "TextBlock",
                "wrap": true
              },
              {
                "facts": [
                  {
                    "title": "Cluster",
                    "value": "prod"
                  },
                  {
                    "title": "Target",
                    "value": "Deployment/podinfo.test"
                  },
                  {
                    "title": "Failed checks threshold",
                    "value": "5"
                  },
                  {
                    "title": "Progress deadline",
                    "value": "120s"
                  },
                  {
                    "title": "Traffic routing",
                    "value": "Weight step: 10 max: 50"
                  }
                ],
                "type": "FactSet"
              }
            ],
            "msteams": {
              "width": "Full"
            },
            "type": "AdaptiveCard",
            "version": "1.4"
          },
          "contentType": "application/vnd.microsoft.card.adaptive",
          "contentUrl": null
        }
      ],
      "type": "message"
    }
    "#);
    insta::assert_snapshot!(sent("msteams", AlertSeverity::Error, MARKUP).await, @r#"
    POST /hook?a=b
    {
      "attachments": [
        {
          "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "actions": [
              {
                "title": "Commit 01234567",
                "type": "Action.OpenUrl",
                "url": "https://github.com/me/fleet/commit/0123456789abcdef0123456789abcdef01234567"
              }
            ],
            "body": [
              {
                "color": "attention",
                "size": "Medium",
                "text": "podinfo.test",
                "type": "TextBlock",
                "weight": "Bolder",
                "wrap": true
              },
              {
                "text": "latency\\_p99 <812> & \\*more\\* than 500, @[U+200B]here",
                "type": "TextBlock",
                "wrap": true
              },
              {
                "facts": [
                  {
                    "title": "Cluster",
                    "value": "prod"
                  }
                ],
                "type": "FactSet"
              }
            ],
            "msteams": {
              "width": "Full"
            },
            "type": "AdaptiveCard",
            "version": "1.4"
          },
          "contentType": "application/vnd.microsoft.card.adaptive",
          "contentUrl": null
        }
      ],
      "type": "message"
    }
    "#);
}

#[tokio::test]
async fn google_chat() {
    insta::assert_snapshot!(sent("gchat", AlertSeverity::Info, "New revision detected").await, @r#"
    POST /hook?a=b
    {
      "cardsV2": [
        {
          "card": {
            "header": {
              "subtitle": "info",
              "title": "podinfo.test"
            },
            "sections": [
              {
                "widgets": [
                  {
                    "textParagraph": {
                      "text": "New revision detected"
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "prod",
                      "topLabel": "Cluster",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "Deployment/podinfo.test",
                      "topLabel": "Target",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "5",
                      "topLabel": "Failed checks threshold",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "120s",
                      "topLabel": "Progress deadline",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "Weight step: 10 max: 50",
                      "topLabel": "Traffic routing",
                      "wrapText": true
                    }
                  },
                  {
                    "buttonList": {
                      "buttons": [
                        {
                          "onClick": {
                            "openLink": {
                              "url": "https://github.com/me/fleet/commit/0123456789abcdef0123456789abcdef01234567"
                            }
                          },
                          "text": "Commit 01234567"
                        }
                      ]
                    }
                  }
                ]
              }
            ]
          },
          "cardId": "weirkeeper"
        }
      ],
      "fallbackText": "podinfo.test: New revision detected"
    }
    "#);
    insta::assert_snapshot!(sent("gchat", AlertSeverity::Warn, MARKUP).await, @r##"
    POST /hook?a=b
    {
      "cardsV2": [
        {
          "card": {
            "header": {
              "subtitle": "warn",
              "title": "podinfo.test"
            },
            "sections": [
              {
                "widgets": [
                  {
                    "textParagraph": {
                      "text": "<font color=\"#FFA500\">latency_p99 &lt;812&gt; &amp; *more* than 500, @here</font>"
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "prod",
                      "topLabel": "Cluster",
                      "wrapText": true
                    }
                  },
                  {
                    "buttonList": {
                      "buttons": [
                        {
                          "onClick": {
                            "openLink": {
                              "url": "https://github.com/me/fleet/commit/0123456789abcdef0123456789abcdef01234567"
                            }
                          },
                          "text": "Commit 01234567"
                        }
                      ]
                    }
                  }
                ]
              }
            ]
          },
          "cardId": "weirkeeper"
        }
      ],
      "fallbackText": "podinfo.test: latency_p99 &lt;812&gt; &amp; *more* than 500, @here"
    }
    "##);
}

#[tokio::test]
async fn plain_json() {
    insta::assert_snapshot!(sent("webhook", AlertSeverity::Info, MARKUP).await, @r#"
    POST /hook?a=b
    {
      "canary": {
        "name": "podinfo",
        "namespace": "test"
      },
      "commit": {
        "sha": "0123456789abcdef0123456789abcdef01234567",
        "url": "https://github.com/me/fleet/commit/0123456789abcdef0123456789abcdef01234567"
      },
      "fields": {
        "Cluster": "prod",
        "Failed checks threshold": "5",
        "Progress deadline": "120s",
        "Target": "Deployment/podinfo.test",
        "Traffic routing": "Weight step: 10 max: 50"
      },
      "message": "latency_p99 <812> & *more* than 500, @here",
      "phase": "Succeeded",
      "severity": "info",
      "version": 1
    }
    "#);
    insta::assert_snapshot!(sent("webhook", AlertSeverity::Error, "rolled back").await, @r#"
    POST /hook?a=b
    {
      "canary": {
        "name": "podinfo",
        "namespace": "test"
      },
      "commit": {
        "sha": "0123456789abcdef0123456789abcdef01234567",
        "url": "https://github.com/me/fleet/commit/0123456789abcdef0123456789abcdef01234567"
      },
      "fields": {
        "Cluster": "prod"
      },
      "message": "rolled back",
      "phase": "Succeeded",
      "severity": "error",
      "version": 1
    }
    "#);
}

#[tokio::test]
async fn without_a_link_the_commit_is_named() {
    let canary = canary("stepWeights: [5, 20]");
    let none = BTreeMap::new();
    let said = |news: &News<'_>, details: bool| {
        let notice = Notice {
            details,
            ..notice(AlertSeverity::Info, "x")
        };
        let message = Message::new(news, &notice, &NotifySettings::default());
        (message.link(), message.shown_fields())
    };
    let (link, fields) = said(&news(&canary, &none), true);
    assert_eq!(link, None);
    assert_eq!(
        fields,
        [
            ("Target", "Deployment/podinfo.test".to_owned()),
            ("Failed checks threshold", "5".to_owned()),
            ("Progress deadline", "120s".to_owned()),
            ("Traffic routing", "Weight steps: 5,20 max: 20".to_owned()),
            ("Commit", "01234567".to_owned()),
        ]
    );
    let without = News {
        commit: None,
        ..news(&canary, &none)
    };
    assert_eq!(said(&without, false), (None, vec![]));
}
