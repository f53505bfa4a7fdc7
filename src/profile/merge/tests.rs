use super::*;
use crate::profile::schema::{Environment, Mount, Profile};
use crate::profile::units::Limit;
use proptest::prelude::*;

/// A small profile that touches each merge rule: S, K, L, D, and the environment.
fn layer() -> impl Strategy<Value = Layer> {
    let words = || prop::collection::vec("[a-d]", 0..4);
    let parts =
        (prop::option::of("[a-d]"), prop::option::of(0u64..4), prop::option::of(0u64..4), words(), words(), words());
    (parts, prop::option::of(any::<bool>()), "[a-z]{3}").prop_map(
        |((hostname, pids, open_files, capabilities, keep, mounts), ptrace, source)| {
            let mut profile = Profile { hostname, capabilities, ..Profile::default() };
            profile.limits.pids = pids.map(Limit::At);
            profile.limits.open_files = open_files.map(Limit::At);
            profile.features.ptrace = ptrace;
            profile.environment = Environment { keep, ..Environment::default() };
            profile.mounts = mounts.into_iter().map(|ro| Mount { ro: Some(ro), ..Mount::default() }).collect();
            let origins = [(String::new(), Origin { source, ..Origin::default() })].into();
            Layer { profile, origins, source: None }
        },
    )
}

fn merge(layers: &[Layer]) -> Merged {
    layers.iter().map(Merged::from).fold(Merged::default(), Merged::under)
}

proptest! {
    #[test]
    fn layering_is_associative(a in layer(), b in layer(), c in layer()) {
        let (a, b, c) = (Merged::from(&a), Merged::from(&b), Merged::from(&c));
        prop_assert_eq!(a.clone().under(b.clone()).under(c.clone()), a.under(b.under(c)));
    }

    #[test]
    fn nothing_above_or_below_changes_nothing(a in layer()) {
        let a = Merged::from(&a);
        prop_assert_eq!(Merged::default().under(a.clone()), a.clone());
        prop_assert_eq!(a.clone().under(Merged::default()), a);
    }

    #[test]
    fn the_last_that_sets_a_key_wins_and_keeps_its_origin(layers in prop::collection::vec(layer(), 0..5)) {
        let merged = merge(&layers);
        let last = layers.iter().rev().find(|layer| layer.profile.hostname.is_some());
        prop_assert_eq!(merged.hostname.map(|h| (Some(h.value), h.origin)), last.map(|l| (l.profile.hostname.clone(), l.origin("hostname"))));
        let last = layers.iter().rev().find_map(|layer| layer.profile.limits.pids);
        prop_assert_eq!(merged.limits.pids.map(|pids| pids.value), last);
        let last = layers.iter().rev().find_map(|layer| layer.profile.features.ptrace);
        prop_assert_eq!(merged.features.ptrace.map(|ptrace| ptrace.value), last);
    }

    #[test]
    fn lists_append_without_duplicates_in_the_order_of_first_mention(layers in prop::collection::vec(layer(), 0..5)) {
        let mut expected: Vec<String> = Vec::new();
        for word in layers.iter().flat_map(|layer| &layer.profile.capabilities) {
            if !expected.contains(word) {
                expected.push(word.clone());
            }
        }
        let merged: Vec<String> = merge(&layers).capabilities.into_iter().map(|item| item.value).collect();
        prop_assert_eq!(merged, expected);
    }

    #[test]
    fn mounts_and_environments_are_all_there_in_order(layers in prop::collection::vec(layer(), 0..5)) {
        let merged = merge(&layers);
        let mounts: Vec<Mount> = layers.iter().flat_map(|layer| layer.profile.mounts.clone()).collect();
        prop_assert_eq!(merged.mounts.into_iter().map(|mount| mount.value).collect::<Vec<_>>(), mounts);
        let keeps: Vec<_> = layers.iter().map(|layer| layer.profile.environment.keep.clone()).filter(|keep| !keep.is_empty()).collect();
        prop_assert_eq!(merged.environment.into_iter().map(|layer| layer.keep).collect::<Vec<_>>(), keeps);
    }

    #[test]
    fn layers_that_set_different_keys_can_be_in_any_order(pids in 0u64..9, files in 0u64..9) {
        let mut a = Layer::default();
        a.profile.limits.pids = Some(Limit::At(pids));
        let mut b = Layer::default();
        b.profile.limits.open_files = Some(Limit::At(files));
        prop_assert_eq!(merge(&[a.clone(), b.clone()]), merge(&[b, a]));
    }
}
