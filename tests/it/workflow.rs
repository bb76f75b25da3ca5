//! In a GitHub workflow: outputs, summary, annotations, inputs.

use crate::support::assert_ran;
use crate::support::gitops::World;
use crate::support::program::Call;
use crate::support::prometheus::Says;

const CANARY: &str = "apps/podinfo/canary.yaml";

#[test]
fn a_workflow_gets_outputs_summary_and_annotations() {
    let odd = "bad|name `x`\n::error::injected <b> @team";
    let metric = format!(
        "      - name: {}\n        query: odd\n        thresholdRange: {{max: 1}}\n      - name: request-success-rate\n",
        serde_json::to_string(odd).unwrap()
    );
    let world = World::with(&[(CANARY, "      - name: request-success-rate\n", &metric)]);
    world.prometheus.set("odd", Says::Value(5.0));
    world.bootstrap();
    world.release("podinfo:6.0.0", "podinfo:6.1.0");
    world.until("advanced");
    world.wait(1);
    let (output, summary) = (world.path().join("output"), world.path().join("summary"));
    fs_err::write(&output, "before=1\n").unwrap();
    let on_github = |call: Call| {
        call.env("GITHUB_ACTIONS", "true")
            .env("GITHUB_OUTPUT", &output)
            .env("GITHUB_STEP_SUMMARY", &summary)
            .run()
    };
    let step = ["step", "--prometheus", &world.prometheus.url()];
    let ran = on_github(world.weirkeeper(step)).exits(0);
    assert_ran!(world, ran, @"
    exit code: 0
    ----- stdout
    test/podinfo  Progressing  75/25  halted
      check failed: bad|name `x` ::error::injected <b> @team 5 (max 1)
      failed checks 1 of 3
      pass: request-success-rate 99.9 (min 99)
      commit [COMMIT]
      next step not before 2026-01-01T00:07:00Z
    ----- stderr
    ::warning file=apps/podinfo/canary.yaml,line=5,col=9,title=test/podinfo is halted::check failed: bad|name `x`%0A::error::injected <b> @team 5 (max 1)%0Afailed checks 1 of 3
    ");
    // No line is taken for a command of the workflow, but for the one that is meant to be one.
    let commands = |line: &&str| line.trim_start().starts_with("::");
    assert_eq!(ran.stdout.lines().filter(commands).count(), 0, "{ran}");
    assert_eq!(ran.stderr.lines().filter(commands).count(), 1, "{ran}");
    // One line for each output, whatever a reason contains.
    let outputs = fs_err::read_to_string(&output).unwrap();
    let keys: Vec<&str> = outputs
        .lines()
        .map(|line| line.split('=').next().unwrap())
        .collect();
    let wanted = [
        "before",
        "changed",
        "commits",
        "results",
        "active",
        "next-step-at",
    ];
    assert_eq!(keys, wanted);
    let value = |key: &str| {
        let line = outputs
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{key}=")));
        line.unwrap().to_owned()
    };
    assert_eq!(value("changed"), "true");
    assert_eq!(value("commits"), world.tip());
    assert_eq!(value("active"), "true");
    assert_eq!(value("next-step-at"), "2026-01-01T00:07:00Z");
    let results: serde_json::Value = serde_json::from_str(&value("results")).unwrap();
    assert_eq!(results[0]["action"], "halted");
    let text = fs_err::read_to_string(&summary).unwrap();
    let text = text.replace(&world.tip()[..8], "[COMMIT]");
    insta::assert_snapshot!(text, @r#"
    ## Weirkeeper

    > ⚠️ <b>test/podinfo is halted</b>: check failed: bad&#124;name &#96;x&#96; ::error::injected &#60;b&#62; @&#8203;team 5 (max 1)

    ### ⚠️ test/podinfo

    <b>Progressing</b> · canary 25 % · revision <code>bb1ec46e</code> · commit <code>[COMMIT]</code>

    - failed checks 1 of 3
    - next step not before 2026-01-01 00:07:00 UTC

    | Check | Value | Bounds | Verdict | Samples |
    |---|---|---|---|---|
    | bad&#124;name &#96;x&#96; ::error::injected &#60;b&#62; @&#8203;team | 5 | ≤ 1 | ❌ <b>fail</b> | – |
    | request-success-rate | 99.9 | ≥ 99 | ✅ pass | – |

    ```mermaid
    ---
    config:
      xyChart:
        width: 800
        height: 280
      themeVariables:
        xyChart:
          plotColorPalette: '#2f81f7'
    ---
    xychart-beta
      title "Canary weight of test/podinfo"
      x-axis "seconds since 2026-01-01 00:04 UTC" 0 --> 120
      y-axis "percent" 0 --> 100
      line [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25, 25]
    ```

    <details><summary>Queries</summary>

    bad&#124;name &#96;x&#96; ::error::injected &#60;b&#62; @&#8203;team

    ```promql
    odd
    ```

    request-success-rate

    ```promql
    (
      sum(
        rate(
          http_request_duration_seconds_count{
            kubernetes_namespace="test",
            kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)",
            status!~"5.*"
          }[1m]
        )
      )
      or
      0 * sum(
        rate(
          http_request_duration_seconds_count{
            kubernetes_namespace="test",
            kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"
          }[1m]
        )
      )
    )
    /
    sum(
      rate(
        http_request_duration_seconds_count{
          kubernetes_namespace="test",
          kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"
        }[1m]
      )
    )
    * 100
    ```

    </details>

    <sub>2026-01-01 00:06:00 UTC</sub>
    "#);

    // A run that cannot begin gives outputs, too.
    fs_err::remove_file(&output).unwrap();
    fs_err::remove_file(&summary).unwrap();
    let ran = on_github(world.weirkeeper(["step", "--branch", "mian"])).exits(2);
    assert_ran!(world, ran, @"
    exit code: 2
    ----- stderr
    error: there is no branch `mian` in remote `origin`
    hint: it has main
    ::error title=Weirkeeper::there is no branch `mian` in remote `origin`%0Ahelp: it has main
    ");
    insta::assert_snapshot!(fs_err::read_to_string(&output).unwrap(), @"
    changed=false
    commits=
    results=[]
    active=false
    next-step-at=
    ");
    insta::assert_snapshot!(fs_err::read_to_string(&summary).unwrap(), @"
    ## Weirkeeper

    > ❌ <b>Error: </b>there is no branch &#96;mian&#96; in remote &#96;origin&#96;
    >
    > hint: it has main

    <sub>2026-01-01 00:06:00 UTC</sub>
    ");
}

#[test]
fn empty_inputs_count_as_not_given() {
    let world = World::of("podinfo");
    let names = [
        "BRANCH",
        "ONLY",
        "REPO",
        "DRY_RUN",
        "NO_PUSH",
        "AUTHOR",
        "TOKEN",
        "SECRETS_DIR",
        "PROMETHEUS_CA",
        "PROMETHEUS_TOKEN",
    ];
    let call = names.iter().fold(world.weirkeeper(["step"]), |call, name| {
        call.env(&format!("WEIRKEEPER_{name}"), "")
    });
    let ran = call
        .env("WEIRKEEPER_PROMETHEUS", world.prometheus.url())
        .run();
    assert_ran!(world, ran.exits(0), @"
    exit code: 0
    ----- stdout
    test/podinfo  Initializing  held
      podinfo-primary created, waiting until it is ready
      commit [COMMIT]
      next step not before 2026-01-01T00:01:00Z
    ");
}
