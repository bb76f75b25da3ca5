//! Who gets an alert, how, and what happens when they do not.

use super::*;

#[tokio::test]
async fn an_alert_gets_what_is_bad_enough() {
    for (severity, expected) in [
        ("{name: a}", vec!["i", "w", "e"]),
        ("{name: a, severity: ''}", vec!["i", "w", "e"]),
        ("{name: a, severity: warn}", vec!["w", "e"]),
        ("{name: a, severity: error}", vec!["e"]),
    ] {
        let server = taking().await;
        let spec = format!("{{type: webhook, address: '{}'}}", server.uri());
        let providers = [(0, provider(&spec))].into();
        let canary = canary(&format!("alerts: [{severity}]"));
        let notices = [
            notice(AlertSeverity::Info, "i"),
            notice(AlertSeverity::Warn, "w"),
            notice(AlertSeverity::Error, "e"),
        ];
        let news = News {
            notices: &notices,
            ..news(&canary, &providers)
        };
        assert_eq!(told(&notifier(settings()).announce(&news).await), [""; 0]);
        let requests = received(&server).await;
        let said: Vec<Json> = requests
            .iter()
            .map(|request| body(request)["message"].clone())
            .collect();
        assert_eq!(said, expected, "{severity}");
    }
}

#[tokio::test]
async fn one_that_fails_keeps_nobody_from_being_told() {
    let closed = serving(ResponseTemplate::new(404).set_body_string("no_service\nx")).await;
    let page = serving(ResponseTemplate::new(200).set_body_string("<html></html>")).await;
    let moved = ResponseTemplate::new(302).insert_header("location", "/secret/login");
    let moved = serving(moved).await;
    let polite = json!({"ok": false, "error": "channel_not_found"});
    let polite = serving(ResponseTemplate::new(200).set_body_json(polite)).await;
    let good = serving(ResponseTemplate::new(202)).await;
    let to = |address: &str| provider(&format!("{{type: slack, address: '{address}/s3cret'}}"));
    let gone = "http://127.0.0.1:1";
    let providers = [
        (0, to(&closed.uri())),
        (1, to(&page.uri())),
        (2, to(&moved.uri())),
        (3, to(&polite.uri())),
        (4, to(gone)),
        (6, to(&good.uri())),
    ]
    .into();
    let alerts = ["{name: a}"; 7].join(", ");
    let canary = canary(&format!("alerts: [{alerts}]"));
    let notices = [notice(AlertSeverity::Info, "x")];
    let news = News {
        notices: &notices,
        ..news(&canary, &providers)
    };
    let untold = notifier(settings()).announce(&news).await;
    assert!(untold.iter().all(|one| one.error.kind() == Kind::Remote));
    let mut lines = told(&untold).join("\n");
    for server in [&closed, &page, &moved, &polite] {
        lines = lines.replace(&server.uri(), "http://server");
    }
    insta::assert_snapshot!(lines, @"
    spec.analysis.alerts[0].providerRef.name AlertProvider on-call was not told: http://server answered 404 Not Found: no_service
    spec.analysis.alerts[1].providerRef.name AlertProvider on-call was not told: http://server answered with a web page
    spec.analysis.alerts[2].providerRef.name AlertProvider on-call was not told: http://server redirects to another address, which is not followed
    spec.analysis.alerts[3].providerRef.name AlertProvider on-call was not told: http://server answered 200 OK: channel_not_found
    spec.analysis.alerts[4].providerRef.name AlertProvider on-call was not told: http://127.0.0.1:1: the connection was refused
    ");
    assert_eq!(received(&good).await.len(), 1);
}

#[tokio::test]
async fn an_alert_is_not_waited_for() {
    // Accepts connections, as the kernel does, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let providers = [(
        0,
        provider(&format!("{{type: webhook, address: '{address}'}}")),
    )]
    .into();
    let canary = canary("alerts: [{name: a}]");
    let notices = [notice(AlertSeverity::Info, "x")];
    let news = News {
        notices: &notices,
        ..news(&canary, &providers)
    };
    let untold = notifier(settings()).announce(&news).await;
    let expected = format!(
        "spec.analysis.alerts[0].providerRef.name AlertProvider on-call was not told: {address}: no answer within 0.5 s"
    );
    assert_eq!(told(&untold), [expected]);
}

/// Notifies a provider whose address is in the Secret `slack`.
async fn with_secret(secrets: Secrets) -> Vec<Untold> {
    let providers = [(
        0,
        provider("{type: slack, channel: ops, secretRef: {name: slack}}"),
    )]
    .into();
    let canary = canary("alerts: [{name: a}]");
    let notices = [notice(AlertSeverity::Info, "x")];
    let news = News {
        notices: &notices,
        ..news(&canary, &providers)
    };
    let settings = NotifySettings {
        secrets,
        ..settings()
    };
    notifier(settings).announce(&news).await
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Environment::new(pairs.iter().map(owned))
}

#[tokio::test]
async fn addresses_and_tokens_come_from_a_secret() {
    let server = taking().await;
    let variables = [
        ("WEIRKEEPER_SECRET_SLACK_ADDRESS", server.uri()),
        ("WEIRKEEPER_SECRET_SLACK_TOKEN", "xoxb-1".to_owned()),
    ];
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let from_environment = Secrets::new(None, &environment(&variables));
    assert_eq!(told(&with_secret(from_environment).await), [""; 0]);

    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir(dir.path().join("slack")).unwrap();
    fs_err::write(
        dir.path().join("slack/address"),
        format!("{}\n", server.uri()),
    )
    .unwrap();
    let from_folder = Secrets::new(Some(dir.path()), &Environment::default());
    assert_eq!(told(&with_secret(from_folder).await), [""; 0]);

    let requests = received(&server).await;
    assert_eq!(requests[0].headers["authorization"], "Bearer xoxb-1");
    assert!(!requests[1].headers.contains_key("authorization"));
    assert_eq!(body(&requests[0])["channel"], "ops");
}

#[tokio::test]
async fn a_secret_that_is_missing_says_how_to_give_it() {
    let untold = with_secret(Secrets::default()).await;
    assert_eq!(
        told(&untold),
        [
            "spec.analysis.alerts[0].providerRef.name AlertProvider on-call was not told: \
             the Secret slack with the key `address` is not given"
        ]
    );
    assert_eq!(
        untold[0].problem().hint.unwrap(),
        "set WEIRKEEPER_SECRET_SLACK_ADDRESS, or put the file slack/address into the folder of --secrets-dir"
    );
    let wrong = environment(&[("WEIRKEEPER_SECRET_SLACK_ADDRESS", "s3cret")]);
    let untold = with_secret(Secrets::new(None, &wrong)).await;
    let [line] = told(&untold).try_into().unwrap();
    assert!(line.ends_with("the key `address` of the Secret slack is no http or https address"));
}

#[tokio::test]
async fn an_alert_goes_through_the_proxy_of_its_provider() {
    let proxy = taking().await;
    let host = proxy.address();
    let spec = format!(
        "{{type: webhook, address: 'http://receiver.example/a', proxy: 'http://me:pw@{host}'}}"
    );
    let providers = [(0, provider(&spec))].into();
    let canary = canary("alerts: [{name: a}]");
    let notices = [notice(AlertSeverity::Info, "x")];
    let news = News {
        notices: &notices,
        ..news(&canary, &providers)
    };
    assert_eq!(told(&notifier(settings()).announce(&news).await), [""; 0]);
    let [request] = received(&proxy).await.try_into().unwrap();
    assert_eq!(request.headers["host"], "receiver.example");
    // me:pw
    assert_eq!(request.headers["proxy-authorization"], "Basic bWU6cHc=");
}

#[tokio::test]
async fn discord_takes_the_address_for_slack_as_it_is() {
    let server = taking().await;
    let spec = format!("{{type: discord, address: '{}/x/slack'}}", server.uri());
    let providers = [(0, provider(&spec))].into();
    let canary = canary("alerts: [{name: a}]");
    let notices = [notice(AlertSeverity::Info, "x")];
    let news = News {
        notices: &notices,
        ..news(&canary, &providers)
    };
    notifier(settings()).announce(&news).await;
    assert_eq!(received(&server).await[0].url.path(), "/x/slack");
}
