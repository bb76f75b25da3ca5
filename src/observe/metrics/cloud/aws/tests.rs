use std::time::Duration;

use reqwest::{Client, Method};
use wiremock::matchers::{body_string_contains, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::testing::{KEY_ID, SECRET, Seen, aws_settings};
use super::*;
use crate::error::Kind;

const AT: &str = "2015-08-30T12:36:00Z";

fn example(token: Option<&str>) -> Keys {
    Keys {
        id: KEY_ID.to_owned(),
        secret: SecretString::from(SECRET),
        token: token.map(SecretString::from),
        ends: None,
    }
}

fn request(method: Method, address: &str) -> Request {
    Client::new().request(method, address).build().unwrap()
}

/// The signature of `request` with AWS' example key, at the time of its test suite.
fn signature(mut request: Request, token: Option<&str>) -> String {
    let service = Service {
        name: "service",
        action: "",
        region: "us-east-1".to_owned(),
    };
    signed(&mut request, &example(token), &service, AT.parse().unwrap()).unwrap();
    let value = request.headers()[AUTHORIZATION].to_str().unwrap();
    value.rsplit('=').next().unwrap().to_owned()
}

/// Vectors of the signing test suite that AWS publishes.
#[test]
fn signatures_are_those_of_the_published_suite() {
    crate::http::choose_cryptography();
    let get = |target: &str| {
        request(
            Method::GET,
            &format!("https://example.amazonaws.com/{target}"),
        )
    };
    assert_eq!(
        signature(get(""), None),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    );
    let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    assert_eq!(
        signature(get(""), Some(token)),
        "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
    );
    assert_eq!(
        signature(get("?Param-3=Value3&Param=Value2&%E1%88%B4=Value1"), None),
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"
    );
    let form = Client::new()
        .post("https://example.amazonaws.com/")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body("Param1=value1");
    assert_eq!(
        signature(form.build().unwrap(), None),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
    );
}

#[test]
fn a_query_is_spelled_as_it_is_signed() {
    let mut url = Url::parse("https://a/q").unwrap();
    let query = "sum(rate(x{a=~\"b+c|d\"}[1m])) * 2 / é";
    url.query_pairs_mut().append_pair("query", query);
    assert!(url.query().unwrap().contains('+'));
    spell_out(&mut url);
    let spelled = url.query().unwrap();
    assert!(!spelled.contains(['+', '*', '(', '"']), "{spelled}");
    let (_, read) = url.query_pairs().next().unwrap();
    assert_eq!(read, query);
    let mut bare = Url::parse("https://a/q").unwrap();
    spell_out(&mut bare);
    assert_eq!(bare.as_str(), "https://a/q");
}

#[test]
fn hosts_tell_their_region() {
    let region = |host: &str| region_of("aps-workspaces", host);
    for (host, expected) in [
        ("aps-workspaces.eu-west-1.amazonaws.com", "eu-west-1"),
        (
            "aps-workspaces-fips.us-gov-west-1.amazonaws.com",
            "us-gov-west-1",
        ),
        ("aps-workspaces.eu-west-1.api.aws", "eu-west-1"),
        ("aps-workspaces.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ] {
        assert_eq!(region(host).as_deref(), Some(expected));
    }
    for host in [
        "aps-workspaces.eu-west-1.amazonaws.com.evil.example",
        "aps-workspaces.eu-west-1.amazonaws.com.cn",
        "aps-workspaces.amazonaws.com",
        "evil-aps-workspaces.eu-west-1.amazonaws.com",
        "aps-workspaces.a_b.amazonaws.com",
    ] {
        assert_eq!(region(host), None, "{host}");
    }
}

#[test]
fn a_region_is_part_of_a_name() {
    let url = endpoint("monitoring", "eu-west-1").unwrap();
    assert_eq!(url.as_str(), "https://monitoring.eu-west-1.amazonaws.com/");
    let china = endpoint("sts", "cn-north-1").unwrap();
    assert_eq!(china.host_str(), Some("sts.cn-north-1.amazonaws.com.cn"));
    for region in ["", "evil.example/", "a.b", "eu-west-1@evil", "EU"] {
        let error = endpoint("monitoring", region).unwrap_err();
        assert_eq!(error.kind(), Kind::Document, "{region}");
    }
}

/// The Security Token Service with one answer.
async fn sts(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(body_string_contains("Action=AssumeRoleWithWebIdentity"))
        .and(body_string_contains("WebIdentityToken=ey.to.ken"))
        .and(body_string_contains(
            "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fmetrics",
        ))
        .and(body_string_contains("RoleSessionName=weirkeeper"))
        .respond_with(template)
        .mount(&server)
        .await;
    server
}

/// As the reference of AssumeRoleWithWebIdentity shows an answer.
fn assumed(id: &str, ends: &str) -> ResponseTemplate {
    let body = format!(
        r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>repo:me/fleet:ref:refs/heads/main</SubjectFromWebIdentityToken>
    <Audience>sts.amazonaws.com</Audience>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::1:assumed-role/metrics/weirkeeper</Arn>
      <AssumedRoleId>AROACLKWSDQRAOEXAMPLE:weirkeeper</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <SessionToken>session+token</SessionToken>
      <SecretAccessKey>{SECRET}</SecretAccessKey>
      <Expiration>{ends}</Expiration>
      <AccessKeyId>{id}</AccessKeyId>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"#
    );
    ResponseTemplate::new(200).set_body_raw(body, "text/xml")
}

fn refusal_of(status: u16, code: &str, text: &str) -> ResponseTemplate {
    let body = format!(
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>
  <RequestId>1</RequestId>
</ErrorResponse>"#
    );
    ResponseTemplate::new(status).set_body_raw(body, "text/xml")
}

/// A chain that takes a role at `server`; the folder holds its token.
fn role(server: &MockServer) -> (Chain, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    fs_err::write(&token_file, "ey.to.ken\n").unwrap();
    let settings = AwsSettings {
        web_identity: Some(WebIdentity {
            role: "arn:aws:iam::1:role/metrics".to_owned(),
            session: "weirkeeper".to_owned(),
            token_file,
        }),
        sts: Some(server.uri().parse().unwrap()),
        ..AwsSettings::default()
    };
    let clock = Clock::new(AT.parse().unwrap());
    (Chain::new(&settings, Some(clock)), folder)
}

#[tokio::test]
async fn a_role_is_taken_once_and_again_before_its_keys_end() {
    let server = sts(assumed("ASIA1", "2015-08-30T13:36:00Z")).await;
    let (chain, _folder) = role(&server);
    let at = |text: &str| text.parse().unwrap();
    for time in [AT, "2015-08-30T13:00:00Z", "2015-08-30T13:33:59Z"] {
        let keys = chain.keys(at(time)).await.unwrap();
        assert_eq!(keys.id, "ASIA1");
        assert_eq!(keys.token.unwrap().expose_secret(), "session+token");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    chain.keys(at("2015-08-30T13:34:00Z")).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2);
    assert!(
        requests
            .iter()
            .all(|request| !request.headers.contains_key("authorization"))
    );
}

#[tokio::test]
async fn the_keys_of_a_role_sign() {
    let server = sts(assumed("ASIA1", "2015-08-30T13:36:00Z")).await;
    let (chain, _folder) = role(&server);
    let mut request = request(Method::GET, "http://127.0.0.1:1/?a=b");
    let service = Service::prometheus("eu-west-1");
    chain.sign(&mut request, &service).await.unwrap();
    let headers = request.headers();
    assert_eq!(headers["x-amz-security-token"], "session+token");
    let authorization = headers[AUTHORIZATION].to_str().unwrap();
    let scope = "Credential=ASIA1/20150830/eu-west-1/aps/aws4_request";
    assert!(authorization.contains(scope), "{authorization}");
    assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"));
    assert!(!format!("{request:?}").contains("session+token"));
}

#[tokio::test]
async fn a_role_that_is_refused_says_what_to_do() {
    for (status, code, hint) in [
        (400, "ExpiredTokenException", "the token has ended"),
        (400, "InvalidIdentityToken", "OIDC provider"),
        (
            403,
            "AccessDenied",
            "trust policy of arn:aws:iam::1:role/metrics",
        ),
    ] {
        let text = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        let server = sts(refusal_of(status, code, text)).await;
        let (chain, _folder) = role(&server);
        let Err(error) = chain.keys(AT.parse().unwrap()).await else {
            panic!("{code} gives keys");
        };
        assert_eq!(error.kind(), Kind::Remote);
        let shown = format!("{} {:?}", error.chain(), error.hints());
        assert!(shown.contains(&format!("{code}: {text}")), "{shown}");
        assert!(shown.contains(hint), "{shown}");
        assert!(!shown.contains("ey.to.ken"), "{shown}");
    }
}

#[tokio::test]
async fn nobody_is_asked_again_at_once_after_a_refusal() {
    let server = sts(refusal_of(403, "AccessDenied", "no")).await;
    let (chain, _folder) = role(&server);
    let start: Timestamp = AT.parse().unwrap();
    for (seconds, asked) in [(0, 1), (29, 1), (30, 2)] {
        let at = start + Duration::from_secs(seconds);
        assert!(chain.keys(at).await.is_err());
        assert_eq!(server.received_requests().await.unwrap().len(), asked);
    }
}

#[tokio::test]
async fn an_answer_that_is_none_gives_no_keys() {
    let bomb =
        "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><Credentials>&b;</Credentials>";
    for body in ["", "<html>sign in</html>", "<Credentials/>", bomb] {
        let server = sts(ResponseTemplate::new(200).set_body_string(body)).await;
        let (chain, _folder) = role(&server);
        let Err(error) = chain.keys(AT.parse().unwrap()).await else {
            panic!("{body} gives keys");
        };
        assert!(
            error.chain().contains("has no credentials"),
            "{}",
            error.chain()
        );
    }
}

#[tokio::test]
async fn without_credentials_it_is_said_how_to_give_them() {
    let chain = Chain::new(&AwsSettings::default(), None);
    let Err(error) = chain.keys(AT.parse().unwrap()).await else {
        panic!("no credentials give keys");
    };
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.hints()[0].contains("configure-aws-credentials"));
}

#[tokio::test]
async fn what_is_signed_arrives_so() {
    let server = MockServer::start().await;
    let settings = aws_settings(AT);
    let chain = Chain::new(&settings.aws, settings.clock);
    let client = crate::http::Client::new(&crate::http::Options::default()).unwrap();
    let query = "sum(rate(x{a=~\"b+c\"}[1m])) * 100 / 2";
    let get = client
        .inner()
        .get(format!("{}/workspaces/ws-1/api/v1/query", server.uri()))
        .query(&[("query", query), ("time", "1.5")]);
    let post = client.inner().post(server.uri()).form(&[("query", query)]);
    for builder in [get, post] {
        let mut request = builder.build().unwrap();
        let service = Service::prometheus("eu-west-1");
        chain.sign(&mut request, &service).await.unwrap();
        client.send(request).await.unwrap();
    }
    let requests = server.received_requests().await.unwrap();
    for request in &requests {
        let expected = ("eu-west-1".to_owned(), "aps".to_owned());
        assert_eq!(Seen::of(request).verified(SECRET), expected);
    }
    assert_eq!(Seen::of(&requests[0]).parameter("query"), query);
}

fn answer(status: u16, kind: &str, body: &str) -> crate::http::Answer {
    let mut headers = reqwest::header::HeaderMap::new();
    if !kind.is_empty() {
        headers.insert("x-amzn-errortype", kind.parse().unwrap());
    }
    crate::http::Answer {
        status: reqwest::StatusCode::from_u16(status).unwrap(),
        headers,
        url: "https://a/".parse().unwrap(),
        body: body.as_bytes().to_vec(),
        tries: 1,
    }
}

/// As AWS' references show them: JSON, REST with the code in a header, XML, and the words
/// of what stands before the services.
#[test]
fn refusals_say_what_to_do() {
    let settings = aws_settings(AT);
    let chain = Chain::new(&settings.aws, settings.clock);
    let cases = [
        (
            400,
            "",
            r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"The security token included in the request is expired"}"#,
            "have ended",
        ),
        (
            403,
            "",
            r#"{"message":"The security token included in the request is expired"}"#,
            "have ended",
        ),
        (
            403,
            "AccessDeniedException",
            r#"{"Message":"User: arn:aws:iam::1:user/x is not authorized to perform: aps:QueryMetrics on resource: arn:aws:aps:eu-west-1:1:workspace/ws-1"}"#,
            "permission aps:QueryMetrics",
        ),
        (
            403,
            "",
            r#"{"message":"Missing Authentication Token"}"#,
            "permission aps:QueryMetrics",
        ),
        (
            400,
            "",
            r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#,
            "run less often",
        ),
        (
            400,
            "",
            r#"{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}"#,
            "does not know the key",
        ),
        (
            403,
            "",
            r#"{"__type":"InvalidSignatureException","message":"Signature expired: 20150830T123600Z is now earlier than 20150830T130000Z"}"#,
            "the clock of this machine",
        ),
        (
            403,
            "",
            r#"{"__type":"InvalidSignatureException","message":"Credential should be scoped to a valid region."}"#,
            "signed for `aps` in eu-west-1",
        ),
        (
            403,
            "",
            "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error></ErrorResponse>",
            "secret half",
        ),
        (
            404,
            "ResourceNotFoundException:http://internal.amazon.com/",
            r#"{"message":"Workspace not found"}"#,
            "such a workspace in eu-west-1",
        ),
    ];
    let service = Service::prometheus("eu-west-1");
    for (status, kind, body, expected) in cases {
        let refused = refused(&answer(status, kind, body), &chain, &service).unwrap();
        let hint = refused.hint.unwrap();
        assert!(hint.contains(expected), "{body}: {hint}");
    }
    let query = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
    assert_eq!(refused(&answer(400, "", query), &chain, &service), None);
    assert_eq!(refused(&answer(502, "", "<html>"), &chain, &service), None);
}

/// AWS repeats the request, with the session's token, below the first line.
#[test]
fn a_refusal_shows_its_first_line_only() {
    let settings = aws_settings(AT);
    let chain = Chain::new(&settings.aws, settings.clock);
    let body = serde_json::json!({
        "message": "The request signature we calculated does not match the signature you provided.\n\n\
                    The Canonical String for this request should have been\n'GET\nx-amz-security-token:hunter2",
    });
    let answer = answer(403, "", &body.to_string());
    let refused = refused(&answer, &chain, &Service::cloudwatch("eu-west-1")).unwrap();
    assert!(!format!("{refused:?}").contains("hunter2"));
    let error = refused.error("CloudWatch", &answer);
    assert!(
        error.chain().contains("does not match the signature"),
        "{}",
        error.chain()
    );
}
