//! Documents of a pull request that try to make the preview misbehave: nobody is
//! contacted whom the inputs do not name, nothing secret gets out, and other Canaries
//! are previewed all the same.

mod providers;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::{CANARY, DEPLOYMENT, Pull};
use crate::support::github::GitHub;
use crate::support::gitops::World;
use crate::support::program::Ran;

/// A Canary that nothing is wrong with, and its Deployment.
pub(super) const NEIGHBOUR: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: neighbour, namespace: test}
spec:
  selector: {matchLabels: {app: neighbour}}
  template:
    metadata: {labels: {app: neighbour}}
    spec: {containers: [{name: app, image: example.com/neighbour:1}]}
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: neighbour, namespace: test}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: neighbour}
  service: {port: 80, gatewayRefs: [{name: edge}]}
  analysis: {interval: 1m, threshold: 2, stepWeight: 50}
";

/// Where the neighbour stands.
const BESIDE: &str = "apps/neighbour/all.yaml";

/// A value of the environment that must not get out.
const HUSH: &str = "hush-hush-0123456789";

/// A server that counts: every connection, and what was sent. It answers as a Prometheus
/// with the value 1.
struct Trap {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Trap {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let book = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = [0; 8192];
                let length = stream.read(&mut bytes).unwrap_or(0);
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                book.lock().unwrap().push(text);
                let body = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"1"]}]}}"#;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).ok();
            }
        });
        Self { port, seen }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// The preview on GitHub, asking the Prometheus of the world with credentials, and with
/// Secrets in the environment. Returns everything that it says anywhere.
#[track_caller]
fn preview(pull: &Pull<'_>, code: i32) -> (Ran, String) {
    preview_asking(pull, code, &pull.world.prometheus.url())
}

#[track_caller]
fn preview_asking(pull: &Pull<'_>, code: i32, prometheus: &str) -> (Ran, String) {
    let github = GitHub::start();
    let ran = pull
        .on_github(&github, "me/fleet")
        // So that a busy machine in debug is no time limit.
        .args(["--prometheus", prometheus, "--deadline", "30m"])
        .env("WEIRKEEPER_PROMETHEUS_TOKEN", HUSH)
        .env("WEIRKEEPER_SECRET_CREDENTIALS_TOKEN", HUSH)
        .env("WEIRKEEPER_SECRET_CREDENTIALS_ADDRESS", HUSH)
        .env("WEIRKEEPER_TOKEN", HUSH)
        .run()
        .exits(code);
    let comments = github.comments();
    let mut all = format!("{}{}{}", ran.stdout, ran.stderr, pull.summary());
    comments.iter().for_each(|(.., body)| all.push_str(body));
    all.push_str(&fs_err::read_to_string(pull.world.path().join("output")).unwrap());
    assert!(!all.contains(HUSH) && !all.contains(super::TOKEN), "{all}");
    (ran, all)
}

/// A world where podinfo is at rest.
fn world() -> World {
    let world = World::of("podinfo");
    world.bootstrap();
    world
}

/// The Canary with `from` replaced, and a neighbour that is new.
fn editing<'w>(world: &'w World, from: &str, to: &str) -> Pull<'w> {
    let text = world.read(CANARY);
    assert!(text.contains(from), "{text}");
    let text = text.replacen(from, to, 1);
    Pull::writing(world, &[(CANARY, &text), (BESIDE, NEIGHBOUR)])
}

/// That the neighbour is previewed.
#[track_caller]
fn neighbour_is_shown(ran: &Ran) {
    let shown = ran
        .stdout
        .lines()
        .any(|line| line.starts_with("test/neighbour: new: 3 steps"));
    assert!(shown, "{ran}");
}

/// A metric of a template with this provider.
fn template(provider: &str, query: &str) -> String {
    format!(
        "apiVersion: flagger.app/v1beta1\nkind: MetricTemplate\n\
         metadata: {{name: errors, namespace: test}}\n\
         spec: {{provider: {provider}, query: {query}}}\n"
    )
}

/// podinfo with a metric of the template, and the neighbour.
fn with_template<'w>(world: &'w World, template: &str) -> Pull<'w> {
    let canary = world.read(CANARY).replacen(
        "    metrics:\n",
        "    metrics:\n      - {name: errors, interval: 1m, templateRef: {name: errors}, thresholdRange: {max: 5}}\n",
        1,
    );
    let files = [
        (CANARY, &*canary),
        ("apps/podinfo/template.yaml", template),
        (BESIDE, NEIGHBOUR),
    ];
    Pull::writing(world, &files)
}

#[test]
fn an_address_that_only_a_template_names_is_not_asked() {
    let (world, trap) = (world(), Trap::start());
    let addresses = [
        trap.url(),
        format!("http://user:password@127.0.0.1:{}/", trap.port),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        // Another path of the server that is named, perhaps of another tenant.
        format!("{}/other/tenant", world.prometheus.url()),
        format!("{}?tenant=other", world.prometheus.url()),
    ];
    for address in addresses {
        let provider =
            format!("{{type: prometheus, address: '{address}', secretRef: {{name: credentials}}}}");
        let pull = with_template(
            &world,
            &template(&provider, "'errors{app=\"{{ target }}\"}'"),
        );
        let before = world.prometheus.asked().len();
        let (ran, _) = preview(&pull, 0);
        assert!(
            ran.stdout
                .contains("is not asked, which only a document names"),
            "{ran}"
        );
        assert!(!ran.stdout.contains("user:password"), "{ran}");
        let asked = world.prometheus.asked().split_off(before);
        assert!(
            asked.iter().all(|query| !query.contains("errors{")),
            "{asked:#?}"
        );
        neighbour_is_shown(&ran);
    }
    assert_eq!(trap.seen(), [""; 0]);
}

#[test]
fn an_address_that_is_none_of_http_is_refused() {
    let world = world();
    for address in [
        "file:///etc/passwd",
        "gopher://127.0.0.1:70/x",
        "unix:/var/run/docker.sock",
        "::",
    ] {
        let provider = format!("{{type: prometheus, address: '{address}'}}");
        let pull = with_template(&world, &template(&provider, "up"));
        let (ran, all) = preview(&pull, 3);
        assert!(
            ran.stdout.contains("test/podinfo: cannot be carried out"),
            "{ran}"
        );
        assert!(!all.contains("root:"), "{all}");
        neighbour_is_shown(&ran);
    }
}

#[test]
fn a_metrics_server_that_only_the_canary_names_is_not_asked() {
    let (world, trap) = (world(), Trap::start());
    let pull = editing(
        &world,
        "spec:\n",
        &format!("spec:\n  metricsServer: {}\n", trap.url()),
    );
    let before = world.prometheus.asked().len();
    let (ran, _) = preview(&pull, 0);
    assert!(
        ran.stdout
            .contains("is not asked, which only a document names"),
        "{ran}"
    );
    assert_eq!(world.prometheus.asked().len(), before);
    assert_eq!(trap.seen(), [""; 0]);
    neighbour_is_shown(&ran);
}

#[test]
fn nothing_of_a_template_but_its_query_reaches_the_named_server() {
    let (world, trap) = (world(), Trap::start());
    let provider = format!(
        "{{type: prometheus, address: '{}', secretRef: {{name: credentials}}, insecureSkipVerify: true, \
         headers: {{X-Scope-OrgID: [other], Authorization: [Bearer stolen], Cookie: [a=b]}}}}",
        trap.url()
    );
    let pull = with_template(
        &world,
        &template(&provider, "'errors{app=\"{{ target }}\"}'"),
    );
    let (ran, _) = preview_asking(&pull, 0, &trap.url());
    let seen = trap.seen();
    let of_template = |request: &&String| request.contains("query=errors%7B");
    // For canary and primary.
    assert_eq!(
        seen.iter().filter(of_template).count(),
        2,
        "{ran} {seen:#?}"
    );
    for request in seen {
        // A query and its time.
        let target = request.split(' ').nth(1).unwrap();
        let (path, asked) = target.split_once('?').unwrap();
        assert!(
            ["/api/v1/query", "/api/v1/query_range"].contains(&path),
            "{request}"
        );
        for pair in asked.split('&') {
            let (name, _) = pair.split_once('=').unwrap();
            let known = ["query", "time", "start", "end", "step"];
            assert!(known.contains(&name), "{request}");
        }
        let request = request.to_lowercase();
        let headers = request
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        for (name, _) in headers {
            let own = [
                "authorization",
                "accept",
                "user-agent",
                "accept-encoding",
                "host",
            ];
            assert!(own.contains(&name), "{request}");
        }
        // What the input gives goes where the input says.
        assert!(
            request.contains(&format!("authorization: bearer {HUSH}")),
            "{request}"
        );
        for part in ["x-scope-orgid", "stolen", "cookie"] {
            assert!(!request.contains(part), "{request}");
        }
    }
}

#[test]
fn webhooks_gates_and_alerts_are_not_called() {
    let (world, trap) = (world(), Trap::start());
    let url = trap.url();
    let kinds = [
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
        "post-rollout",
        "rollback",
        "event",
    ];
    let hooks: String = kinds
        .iter()
        .map(|kind| format!("      - {{name: {kind}, type: {kind}, url: '{url}/{kind}', metadata: {{cmd: 'curl {url}'}}}}\n"))
        .collect();
    let alerts = "    alerts:\n      - {name: all, severity: info, providerRef: {name: chat}}\n";
    let more = format!("    webhooks:\n{hooks}{alerts}    metrics:\n");
    let canary = world.read(CANARY).replacen("    metrics:\n", &more, 1);
    let deployment = world
        .read(DEPLOYMENT)
        .replace("podinfo:6.0.0", "podinfo:6.0.1");
    let provider = format!(
        "apiVersion: flagger.app/v1beta1\nkind: AlertProvider\nmetadata: {{name: chat, namespace: test}}\n\
         spec: {{type: slack, address: '{url}', proxy: '{url}'}}\n"
    );
    let files = [
        (CANARY, &*canary),
        (DEPLOYMENT, &*deployment),
        ("apps/podinfo/provider.yaml", &*provider),
        (BESIDE, NEIGHBOUR),
    ];
    let pull = Pull::writing(&world, &files);
    let (ran, _) = preview(&pull, 0);
    assert!(
        ran.stdout.contains("test/podinfo: 6.0.0 → 6.0.1: 6 steps"),
        "{ran}"
    );
    assert_eq!(trap.seen(), [""; 0]);
    neighbour_is_shown(&ran);
}

#[test]
fn what_the_cluster_runs_is_not_asked_for() {
    let (world, trap) = (world(), Trap::start());
    let gitops = format!(
        "spec:\n  metricsServer: {}\n  gitops:\n    applied: {{from: prometheus, query: 'x'}}\n    \
         readiness: {{from: prometheus, query: 'y'}}\n",
        trap.url()
    );
    let pull = editing(&world, "spec:\n", &gitops);
    let before = world.prometheus.asked().len();
    let (ran, _) = preview(&pull, 0);
    assert_eq!(world.prometheus.asked().len(), before, "{ran}");
    assert_eq!(trap.seen(), [""; 0]);
    neighbour_is_shown(&ran);
}

#[test]
fn templates_with_loops_or_huge_output_end() {
    let world = world();
    let provider = "{type: prometheus}";
    for query in [
        "'{{ range target }}x{{ end }}'",
        "'{{ printf \"%0999999999d\" 1 }}'",
        "'{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}'",
        "'{% for i in range(1000000000) %}x{% endfor %}'",
        "'{{ env \"WEIRKEEPER_TOKEN\" }}'",
        "'{{ include \"/etc/passwd\" }}'",
    ] {
        let pull = with_template(&world, &template(provider, query));
        let github = GitHub::start();
        let ran = pull
            .on_github(&github, "me/fleet")
            .env("WEIRKEEPER_TOKEN", HUSH)
            .run();
        assert!([0, 3].contains(&ran.code), "{query}: {ran}");
        assert!(
            !ran.stdout.contains("root:") && !format!("{ran}").contains(HUSH),
            "{ran}"
        );
        assert!(
            ran.stdout.len() < 100_000 && ran.stderr.len() < 100_000,
            "{query}"
        );
        neighbour_is_shown(&ran);
    }
}

/// Text that would be markup, a command of the runner, a sequence of a terminal, a call.
const MARKUP: &str = "\\e[31m\\n::error file=x::owned\\n ::add-mask::x\\n##[error]owned\\n# owned\\n<img src=x \
    onerror=alert(1)> @octocat [a](javascript:x) | c | `code` </details> <!-- weirkeeper preview -->";

/// That none of it took effect.
#[track_caller]
fn is_inert(ran: &Ran, all: &str) {
    for line in ran.stdout.lines().chain(ran.stderr.lines()) {
        assert!(!line.contains('\u{1b}'), "{line:?}");
        // In a command that begins a line it is part of the message.
        assert!(line.starts_with("::") || !line.contains("##["), "{line}");
        let command = line.trim_start().strip_prefix("::");
        let ours = command.is_none_or(|rest| {
            (rest.starts_with("error ") || rest.starts_with("warning "))
                && rest.contains("title=")
                && !rest.starts_with("error file=x::")
        });
        assert!(ours, "{line}");
    }
    // An address in an attribute calls nobody.
    let outside_of_fences: String = outside_of_fences(all)
        .split("href=\"")
        .map(|part| part.split_once("\">").map_or(part, |(_, rest)| rest))
        .collect();
    for part in [
        "<img",
        "@octocat",
        "[a](javascript",
        "\n# owned",
        "onerror=alert(1)>",
    ] {
        assert!(
            !outside_of_fences.contains(part),
            "{part}: {outside_of_fences}"
        );
    }
}

/// A text without its fenced blocks, each closed by as many backticks as opened it.
fn outside_of_fences(text: &str) -> String {
    let mut outside = String::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) => {
                if line.trim_end() == *open {
                    fence = None;
                }
            }
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                outside.push_str(line);
                outside.push('\n');
            }
        }
    }
    assert_eq!(fence, None, "{text}");
    outside
}

#[test]
fn markup_in_names_and_values_stays_text() {
    let world = world();
    let quoted = format!("\"{MARKUP}\"");
    // The name and the namespace of a Canary, which make it invalid.
    for (from, to) in [
        (
            "name: podinfo\n  namespace: test",
            format!("name: {quoted}\n  namespace: test"),
        ),
        ("namespace: test\n", format!("namespace: {quoted}\n")),
        ("maxWeight: 50", format!("maxWeight: {quoted}")),
        ("name: request-success-rate", format!("name: {quoted}")),
    ] {
        let pull = editing(&world, from, &to);
        let (ran, all) = preview(&pull, 3);
        is_inert(&ran, &pull.summary());
        assert!(all.contains("owned"), "{from}: {all}");
        neighbour_is_shown(&ran);
    }
    // An image, a field that nobody knows, and an annotation, which do not.
    let image = editing_deployment(&world, &format!("\"x:{MARKUP}\""));
    let (ran, _) = preview(&image, 0);
    is_inert(&ran, &image.summary());
    let pull = editing(&world, "spec:\n", &format!("spec:\n  {quoted}: {quoted}\n"));
    let (ran, _) = preview(&pull, 0);
    is_inert(&ran, &pull.summary());
    neighbour_is_shown(&ran);
}

fn editing_deployment<'w>(world: &'w World, image: &str) -> Pull<'w> {
    let text = world.read(DEPLOYMENT);
    Pull::writing(
        world,
        &[(
            DEPLOYMENT,
            &text.replace("ghcr.io/stefanprodan/podinfo:6.0.0", image),
        )],
    )
}

#[test]
fn text_that_closes_the_fence_of_a_diff_stays_in_it() {
    let world = world();
    let text = world.read(DEPLOYMENT).replace(
        "    metadata:\n      labels:\n        app: podinfo\n",
        "    metadata:\n      labels:\n        app: podinfo\n      annotations:\n        note: |\n\
         ````\n          ```\n          ````\n          # owned\n          ::error::owned\n          \
         <img src=x> @octocat\n          </details>\n"
            .replace("````\n          ```", "          ````\n          ```")
            .as_str(),
    );
    let text = text.replace("podinfo:6.0.0", "podinfo:6.0.1");
    let pull = Pull::writing(&world, &[(DEPLOYMENT, &text)]);
    let (ran, _) = preview(&pull, 0);
    assert!(ran.stdout.contains("# owned"), "the diff shows it: {ran}");
    is_inert(&ran, &pull.summary());
}

#[test]
fn file_names_stay_names() {
    let world = world();
    let broken = NEIGHBOUR.replace("stepWeight: 50", "stepWeight: 150");
    let name = "apps/x\n::error file=y::owned\n%0A,line=9,title=<img src=x>@octocat`| [a](javascript:x)/all.yaml";
    let pull = Pull::writing(&world, &[(name, &broken)]);
    let (ran, _) = preview(&pull, 3);
    is_inert(&ran, &pull.summary());
    let commands: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with("::"))
        .collect();
    assert!(!commands.is_empty(), "{ran}");
    for command in commands {
        let file = command
            .split_once("file=")
            .unwrap()
            .1
            .split(',')
            .next()
            .unwrap();
        assert!(
            file.starts_with("apps/x%0A%3A%3Aerror file=y%3A%3Aowned%0A%250A%2Cline=9%2C"),
            "{command}"
        );
    }
}

#[test]
fn alias_bombs_deep_nesting_and_huge_documents_are_refused_by_themselves() {
    let world = world();
    let bomb: String = (0..30)
        .map(|level| match level {
            0 => "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(),
            level => {
                let before = format!("*a{}", level - 1);
                format!("a{level}: &a{level} [{}]\n", vec![before; 9].join(", "))
            }
        })
        .collect();
    let head =
        "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: x, namespace: test}\n";
    let deep = format!(
        "{head}spec: {}1{}\n",
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let huge = format!("{head}# {}\n", "x".repeat(12 << 20));
    let files = [
        ("apps/bomb/canary.yaml", format!("{head}{bomb}")),
        ("apps/deep/canary.yaml", deep),
        ("apps/huge/canary.yaml", huge),
        ("apps/zero/canary.yaml", format!("{head}\0\u{1}")),
        (BESIDE, NEIGHBOUR.to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, &**text)).collect();
    let pull = Pull::writing(&world, &files);
    let (ran, _) = preview(&pull, 3);
    neighbour_is_shown(&ran);
    let errors: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with("::error "))
        .collect();
    for part in ["apps/bomb/", "apps/deep/", "apps/huge/", "apps/zero/"] {
        assert!(
            errors.iter().any(|line| line.contains(part)),
            "{part}: {errors:#?}"
        );
    }
    assert!(
        ran.stderr.len() < 20_000 && pull.summary().len() < 100_000,
        "{}",
        ran.stderr.len()
    );
}

#[test]
fn what_is_broken_beside_a_canary_stops_no_other() {
    let world = world();
    let bomb = format!("{}x: &a [*a]\n", "apiVersion: x\nkind: Kustomization\n");
    let nameless = NEIGHBOUR
        .replace("name: neighbour, namespace: test", "name: nameless")
        .replace("neighbour", "nameless");
    let huge = format!(
        "# Kustomization PodDisruptionBudget podinfo Deployment\n# {}\n",
        "x".repeat(5 << 20)
    );
    let files = [
        // Without it nobody knows the namespace of the one beside.
        ("apps/nameless/kustomization.yaml", &*bomb),
        ("apps/nameless/all.yaml", &*nameless),
        (DEPLOYMENT, &*huge),
        (BESIDE, NEIGHBOUR),
    ];
    let pull = Pull::writing(&world, &files);
    let (ran, _) = preview(&pull, 3);
    neighbour_is_shown(&ran);
    assert!(
        ran.stdout.contains("test/podinfo: cannot be carried out"),
        "{ran}"
    );
    assert!(
        ran.stderr.contains("apps/nameless/kustomization.yaml"),
        "{ran}"
    );
}

#[test]
fn thousands_of_canaries_are_counted_not_listed() {
    let world = world();
    let one = |number: usize| {
        format!(
            "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {{name: n{number}, namespace: test}}\n\
             spec: {{targetRef: {{apiVersion: apps/v1, kind: Deployment, name: n{number}}}, service: {{port: 80}}}}\n---\n"
        )
    };
    let many: String = (0..2000).map(one).collect();
    let pull = Pull::writing(
        &world,
        &[("apps/many.yaml", &many), ("apps/a.yaml", NEIGHBOUR)],
    );
    let (ran, _) = preview(&pull, 3);
    neighbour_is_shown(&ran);
    assert!(
        ran.stdout
            .contains("1801 more Canaries are touched and not shown"),
        "{ran}"
    );
    assert!(
        ran.stdout.lines().count() < 1000,
        "{}",
        ran.stdout.lines().count()
    );
    // Annotations first, then what GitHub would not show, each with its lines.
    let begins = ["::error ", "::warning ", "error: ", "warning: "];
    let is_finding = |line: &&str| begins.iter().any(|begin| line.starts_with(begin));
    let findings = ran.stderr.lines().filter(is_finding).count();
    // One for each severity tells how many there are besides.
    assert!((100..=502).contains(&findings), "{findings}");
    let lines = ran.stderr.lines().count();
    assert!(lines < 8 * 502, "{lines}");
    assert!(pull.summary().len() <= 1 << 20);
}

#[test]
fn the_time_limit_holds_for_everything() {
    let world = world();
    let pull = Pull::writing(&world, &[(BESIDE, NEIGHBOUR)]);
    let ran = pull.preview(&["--deadline", "1ms"]).run().exits(4);
    assert!(ran.stderr.contains("took longer than"), "{ran}");
    // Somebody who takes the question and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let pull = Pull::editing(&world, DEPLOYMENT, "podinfo:6.0.0", "podinfo:6.0.1");
    let began = std::time::Instant::now();
    let ran = pull
        .preview(&["--deadline", "6s", "--prometheus", &silent])
        .run()
        .exits(0);
    assert!(began.elapsed().as_secs() < 15, "{ran}");
    assert!(
        ran.stdout
            .contains("request-success-rate: nobody answered in time"),
        "{ran}"
    );
    assert!(ran.stdout.contains("6.0.0 → 6.0.1"), "{ran}");
}

#[test]
fn a_status_that_somebody_else_wrote_is_told() {
    let world = world();
    let pull = editing(&world, "  phase: Initialized", "  phase: Succeeded");
    let (ran, all) = preview(&pull, 0);
    assert!(all.contains("The change writes to the status"), "{ran}");
    assert!(
        ran.stdout.contains("status.phase: Initialized → Succeeded"),
        "{ran}"
    );
    neighbour_is_shown(&ran);
}
