//! Event webhooks and post-rollout hooks.

use super::*;

/// The paths and, for events, the messages of what a server got.
async fn calls(server: &MockServer) -> Vec<String> {
    let line = |request: &Request| {
        let message = body(request)["metadata"]["eventMessage"].clone();
        let message = message.as_str().unwrap_or_default().to_owned();
        format!("{} {message}", request.url.path())
    };
    received(server).await.iter().map(line).collect()
}

#[tokio::test]
async fn hooks_come_in_order() {
    let server = taking().await;
    let uri = server.uri();
    let canary = canary(&format!(
        "alerts: [{{name: a}}], webhooks: [
           {{name: p, type: post-rollout, url: '{uri}/post'}},
           {{name: e, type: event, url: '{uri}/event', metadata: {{eventMessage: mine, env: prod}}}},
           {{name: r, url: '{uri}/rollout'}},
           {{name: q, type: post-rollout, url: '{uri}/post2'}}]"
    ));
    let spec = format!("{{type: webhook, address: '{uri}/alert'}}");
    let providers = [(0, provider(&spec))].into();
    let notices = [notice(AlertSeverity::Info, "x")];
    let events = events(&["one", "two"]);
    let news = News {
        events: &events,
        notices: &notices,
        post_rollout: true,
        ..news(&canary, &providers)
    };
    let settings = NotifySettings {
        event_webhook: Some(format!("{uri}/global").parse().unwrap()),
        ..settings()
    };
    assert_eq!(told(&notifier(settings).announce(&news).await), [""; 0]);
    assert_eq!(
        calls(&server).await,
        ["/event one", "/event two", "/alert ", "/post ", "/post2 "]
    );
    let requests = received(&server).await;
    assert_eq!(
        body(&requests[0])["metadata"],
        json!({"env": "prod", "eventMessage": "one", "eventType": "Normal", "timestamp": "0"})
    );
    assert_eq!(body(&requests[3])["phase"], "Succeeded");
    assert_eq!(body(&requests[3])["metadata"], Json::Null);
}

#[tokio::test]
async fn the_global_event_webhook_gets_what_no_other_gets() {
    let server = taking().await;
    let canary = canary("webhooks: []");
    let events = events(&["one"]);
    let providers = BTreeMap::new();
    let news = News {
        events: &events,
        ..news(&canary, &providers)
    };
    for (address, untold) in [
        (format!("{}/global", server.uri()), 0),
        ("http://127.0.0.1:1".into(), 1),
    ] {
        let settings = NotifySettings {
            event_webhook: Some(address.parse().unwrap()),
            ..settings()
        };
        let found = notifier(settings).announce(&news).await;
        assert_eq!(found.len(), untold);
        assert!(found.iter().all(|one| one.path.is_none()));
    }
    assert_eq!(calls(&server).await, ["/global one"]);
}

#[tokio::test]
async fn a_hook_that_fails_ends_its_row() {
    let server = MockServer::start().await;
    Mock::given(path("/no"))
        .respond_with(ResponseTemplate::new(500).set_body_string("broken"))
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let uri = server.uri();
    let canary = canary(&format!(
        "webhooks: [
           {{name: e, type: event, url: '{uri}/no'}},
           {{name: f, type: event, url: '{uri}/yes'}},
           {{name: p, type: post-rollout, url: '{uri}/no'}},
           {{name: q, type: post-rollout, url: '{uri}/later'}}]"
    ));
    let events = events(&["one", "two"]);
    let providers = BTreeMap::new();
    let news = News {
        events: &events,
        post_rollout: true,
        ..news(&canary, &providers)
    };
    let untold = notifier(settings()).announce(&news).await;
    insta::assert_snapshot!(told(&untold).join("\n"), @"
    spec.analysis.webhooks[0].url the event webhook e failed: 500 Internal Server Error: broken
    spec.analysis.webhooks[2].url the post-rollout webhook p failed: 500 Internal Server Error: broken
    ");
    let mut calls = calls(&server).await;
    calls.sort();
    assert_eq!(calls, ["/no ", "/no one", "/yes one", "/yes two"]);
}
