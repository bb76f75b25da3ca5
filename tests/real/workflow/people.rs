//! People who decide through a workflow.

use super::{act_with, binary, copy_of_the_action, guarded, read};
use crate::gitops::{CANARY, GitOps};
use crate::rollout::{at, follow, history};
use crate::support::world::git;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real parts"]
async fn a_gate_is_answered_from_a_protected_environment() {
    let prometheus = history();
    let gated = CANARY.replace(
        "  service:\n",
        "  gitops: {gates: [{type: confirm-promotion}]}\n  service:\n",
    );
    let world = GitOps::new(&gated);
    follow(&world, &prometheus, 0..10, "scaled to zero");
    world.edit("apps/podinfo/deployment.yaml", "6.0.0", "6.1.0");
    follow(&world, &prometheus, 5..9, "approve");
    let server = guarded(&world).await;

    let text = read(".github/examples/decide.yml");
    assert!(text.contains("environment: rollouts"), "{text}");
    let ours = "          extra-args: >-\n";
    let inputs = format!(
        "          {}\n{ours}            --now {}\n",
        binary(&world),
        at(9)
    );
    let workflow = text.replace(ours, &inputs);
    let decide = |inputs: &[&str]| {
        let source = copy_of_the_action(&world);
        act_with(
            &world,
            &server,
            "workflow_dispatch",
            &workflow,
            &source,
            inputs,
        )
    };
    let before = world.tip();
    let ran = decide(&[
        "--actor",
        "ann",
        "--input",
        "decision=approve",
        "--input",
        "canary=test/podinfo --no-push",
    ]);
    assert!(
        !ran.success,
        "words of an input are no options: {}",
        ran.text
    );
    assert_eq!(world.tip(), before);

    let canary = "canary=test/podinfo";
    let ran = decide(&[
        "--actor",
        "ann",
        "--input",
        "decision=approve",
        "--input",
        canary,
    ]);
    assert!(ran.success, "{}", ran.text);
    let commit = git(
        &world.remote(),
        &["log", "-1", "--format=%an %ae%n%B", "main"],
    );
    println!("{commit}");
    let author = "ann ann@users.noreply.github.com\n";
    assert!(commit.starts_with(author), "{commit}");
    assert!(commit.contains("/actions/runs/"), "{commit}");
    follow(&world, &prometheus, 10..11, "copied to podinfo-primary");
}
