//! What people are told about workloads.

use super::workloads::{with_base, with_configs};
use crate::api::OnFailure;
use crate::render::testing::parse;
use crate::render::{pdb_hint, warnings};
use crate::repo::rollout::Release;

fn budget(selector: &str) -> crate::repo::manifest::Manifest {
    let text = format!(
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: shop}}\n\
         spec: {{minAvailable: 1, selector: {selector}}}\n"
    );
    parse("pdb.yaml", &text).remove(0)
}

#[test]
fn a_budget_of_the_target_alone_is_told() {
    let rollout = with_configs().rollout();
    let of_target = budget("{matchLabels: {app: shop}}");
    let told = pdb_hint(&rollout, std::slice::from_ref(&of_target)).unwrap();
    insta::assert_snapshot!(format!("{}: {}\n{}", told.location().unwrap(), told.message, told.hint.unwrap()), @"
    pdb.yaml:4:25: protects the target, which is idle most of the time, and not shop-primary
    add a PodDisruptionBudget that selects app: shop-primary
    ");
    for other in [
        "{matchLabels: {app: shop-primary}}",
        "{matchExpressions: [{key: app, operator: In, values: [shop, shop-primary]}]}",
        "{matchExpressions: [{key: app, operator: Exists}]}",
        "{}",
    ] {
        assert!(
            pdb_hint(&rollout, &[of_target.clone(), budget(other)]).is_none(),
            "{other}"
        );
    }
    for other in [
        "{matchLabels: {app: till}}",
        "{matchExpressions: [{key: app, operator: NotIn, values: [shop, shop-primary]}]}",
        "{matchExpressions: [{key: app, operator: DoesNotExist}]}",
        "null",
    ] {
        assert!(pdb_hint(&rollout, &[budget(other)]).is_none(), "{other}");
    }
}

#[test]
fn what_cannot_be_taken_back_in_place_is_told() {
    let mut rollout = with_base().rollout();
    assert_eq!(warnings(&rollout).len(), 0);
    rollout
        .canary
        .spec
        .gitops
        .get_or_insert_default()
        .on_failure = OnFailure::Revert;
    let told = warnings(&rollout).remove(0);
    insta::assert_snapshot!(format!("{}\n{}", told.message, told.hint.unwrap()), @"
    takes shop back by a patch, since others share base/app.yaml: it hides what comes there next
    after a rollback remove the pod template from shop-deployment-patch.yaml in prod with the next release
    ");

    let mut rollout = with_configs().rollout();
    rollout
        .canary
        .spec
        .gitops
        .get_or_insert_default()
        .on_failure = OnFailure::Revert;
    assert_eq!(warnings(&rollout).len(), 0);
    if let Release::Copy(copied) = &mut rollout.release {
        copied.configs[0].manifest = None;
    }
    let told = warnings(&rollout).remove(0);
    assert_eq!(
        told.message,
        "does not take ConfigMap conf back: a generator makes it"
    );
}
