//! Laws of paths, patterns and mounts, each against the plainest way to say the same.

use super::testing::{World, tmpfs};
use super::{Mount, MountKind, glob, lookup, paths};
use crate::profile::Merged;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// Few names, so that paths meet; `ab` begins like `a` and is not below it.
fn path() -> impl Strategy<Value = PathBuf> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "ab"]), 0..4)
        .prop_map(|names| format!("/{}", names.join("/")).into())
}

fn messy() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "..", ".", "", "..."]), 0..7)
        .prop_map(|parts| parts.join("/"))
}

fn mounts() -> impl Strategy<Value = Vec<Mount>> {
    prop::collection::btree_set(path(), 0..8)
        .prop_map(|places| places.iter().map(|place| tmpfs(place.to_str().unwrap())).collect())
}

/// `*` by trying every length.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skipped| matches(rest, &name[skipped..])),
        Some((first, rest)) => name.split_first().is_some_and(|(byte, name)| byte == first && matches(rest, name)),
    }
}

proptest! {
    #[test]
    fn two_dots_take_back_the_name_before_them(before in messy(), name in "[a-z]{1,3}", after in messy()) {
        let there_and_back = paths::normalise(Path::new(&format!("/{before}/{name}/../{after}")));
        prop_assert_eq!(there_and_back, paths::normalise(Path::new(&format!("/{before}/{after}"))));
    }

    #[test]
    fn two_dots_at_the_root_stay_there(after in messy()) {
        prop_assert_eq!(paths::normalise(Path::new(&format!("/../{after}"))), paths::normalise(Path::new(&format!("/{after}"))));
    }

    #[test]
    fn names_alone_are_normal_already(path in path()) {
        prop_assert_eq!(paths::normalise(&path).into_os_string(), path.into_os_string());
    }

    #[test]
    fn a_path_is_below_a_tree_if_one_of_its_parents_is_the_tree(path in path(), tree in path()) {
        let below = path.ancestors().skip(1).any(|parent| parent == tree);
        let rest = paths::strictly_below(&path, &tree);
        prop_assert_eq!(rest.is_some(), below);
        prop_assert!(rest.is_none_or(|rest| lookup::join(&tree, rest) == path));
    }

    #[test]
    fn a_pattern_matches_what_trying_every_length_matches(pattern in "[ab*]{0,6}", name in "[ab*]{0,6}") {
        prop_assert_eq!(glob::matches(pattern.as_bytes(), b'*', name.as_bytes()), matches(pattern.as_bytes(), name.as_bytes()));
    }

    #[test]
    fn the_nearest_mount_is_the_longest_that_begins_the_path(mounts in mounts(), place in path()) {
        let longest = |mount: &&Mount| mount.at.components().count();
        let expected = mounts.iter().filter(|mount| place.starts_with(&mount.at)).max_by_key(longest);
        prop_assert_eq!(lookup::nearest(&mounts, &place), expected);
        let expected = mounts.iter().filter(|mount| place.starts_with(&mount.at) && place != mount.at).max_by_key(longest);
        prop_assert_eq!(lookup::above(&mounts, &place), expected);
        let leads = place == Path::new("/") || mounts.iter().any(|mount| mount.at != place && mount.at.starts_with(&place));
        prop_assert_eq!(lookup::leads_to_a_mount(&mounts, &place), leads);
    }

    #[test]
    fn mounts_are_sorted_by_place_whatever_the_order(mounts in mounts().prop_flat_map(|m| (Just(m.clone()), Just(m).prop_shuffle()))) {
        let (sorted, shuffled) = mounts;
        let mut inserted = Vec::new();
        shuffled.into_iter().for_each(|mount| lookup::insert(&mut inserted, mount));
        prop_assert_eq!(inserted, sorted);
    }
}

/// What is where, of what each of two profiles says of the same project; their origins differ by the order.
fn both(lines: [&[&str]; 2]) -> [Vec<(PathBuf, MountKind)>; 2] {
    let mut world = World::new().directory("home/app/a/b/c").directory("home/app/d").file("home/app/a/.env");
    lines.map(|lines| {
        world.merged = Merged::default();
        lines.iter().for_each(|line| world.add(line));
        world.planned().mounts.into_iter().map(|mount| (mount.at, mount.kind)).collect()
    })
}

const LINES: [&str; 8] = [
    "rw ${PWD}",
    "ro ${PWD}/a",
    "rw ${PWD}/a/b",
    "ro ${PWD}/a/b/c noexec",
    "hide ${PWD}/a/.env",
    "tmpfs ${PWD}/d",
    "tmpfs /tmp",
    "ro ROOT/home/app/d at=/tmp/d",
];

proptest! {
    // Each case makes directories.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn mounts_of_different_places_mean_one_thing_in_any_order(lines in Just(LINES.to_vec()).prop_shuffle()) {
        let [found, expected] = both([&lines, &LINES]);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn of_two_entries_for_one_place_the_earlier_leaves_no_trace(
        line in prop::sample::select(vec!["tmpfs ${PWD}/a", "ro ${PWD}/d noexec", "rw ${PWD}/a/b/c", "ro ${PWD}"]),
        before in 0..LINES.len(),
    ) {
        let place = line.split(' ').nth(1);
        let later = LINES.iter().position(|other| other.split(' ').nth(1) == place).unwrap();
        let mut lines = LINES.to_vec();
        lines.insert(before.min(later), line);
        let [found, expected] = both([&lines, &LINES]);
        prop_assert_eq!(found, expected);
    }
}
