use super::*;
use crate::profile::schema::{Mount, Profile};
use crate::profile::text;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Every key of which the last one wins, with two values that it can have.
fn last_wins() -> Vec<(String, [Value; 2])> {
    let limits = [
        "memory",
        "swap",
        "cpus",
        "pids",
        "output",
        "file_size",
        "open_files",
        "stack",
        "core",
        "address_space",
        "locked_memory",
    ];
    let limits = limits.map(|key| (key, [json!(7), json!("unlimited")]));
    let features = ["userns", "ptrace", "io_uring", "perf", "keyring", "numa", "personality", "set_id_bits"];
    let features = features.map(|key| (key, [json!(true), json!(false)]));
    let below = |section: &str, (key, values)| (format!("{section}.{key}"), values);
    let others = [
        ("command", [json!(["a"]), json!(["b", "c"])]),
        ("hostname", [json!("a"), json!("b")]),
        ("workdir", [json!("/a"), json!("/b")]),
        ("user.uid", [json!(0), json!("caller")]),
        ("user.gid", [json!(0), json!("caller")]),
        ("user.map", [json!("single"), json!("subordinate")]),
        ("user.outside", [json!("auto"), json!(5)]),
        ("root.path", [json!("/a"), json!("/b")]),
        ("root.writable", [json!("tmpfs"), json!("no")]),
        ("root.size", [json!(7), json!(8)]),
        ("network.mode", [json!("none"), json!("host")]),
        ("limits.cpu_weight", [json!(1), json!(10_000)]),
        ("limits.io_weight", [json!(1), json!(100)]),
        ("limits.cpu_time", [json!("1s"), json!("unlimited")]),
        ("limits.wall_time", [json!("1s"), json!("unlimited")]),
        ("limits.extra_time", [json!("1s"), json!("0s")]),
        ("limits.kill_after", [json!("1s"), json!("2s")]),
        ("seccomp.policy", [json!("strict"), json!("off")]),
        ("seccomp.on_deny", [json!("errno"), json!("kill")]),
        ("landlock.mode", [json!("prefer"), json!("off")]),
        ("landlock.min_abi", [json!(1), json!(2)]),
        ("cgroup.mode", [json!("prefer"), json!("off")]),
        ("terminal", [json!("raw"), json!("safe")]),
    ];
    let limits = limits.map(|entry| below("limits", entry));
    let features = features.map(|entry| below("features", entry));
    others.map(|(key, values)| (key.into(), values)).into_iter().chain(limits).chain(features).collect()
}

/// The lists that append, and the field of `Merged` that each becomes.
const APPENDED: [(&str, &str); 4] = [
    ("capabilities", "capabilities"),
    ("pass_fds", "pass_fds"),
    ("seccomp.allow", "seccomp_allow"),
    ("seccomp.deny", "seccomp_deny"),
];

/// `limits.pids`: in its section, which is made where it is not there.
fn set(profile: &mut Value, path: &str, value: Value) {
    match path.split_once('.') {
        Some((section, key)) => profile[section][key] = value,
        None => profile[path] = value,
    }
}

fn parse(profile: &Value, source: &str) -> Layer {
    text::parse(profile.to_string().as_bytes(), source, None).unwrap_or_else(|errors| panic!("{}", errors[0]))
}

/// A profile that sets any of the keys there are.
fn layer() -> impl Strategy<Value = Layer> {
    let scalars = prop::collection::vec(prop::option::of(0..2usize), last_wins().len());
    let numbers = || prop::collection::vec(3..7, 0..4);
    let lists = prop::collection::vec(numbers(), APPENDED.len());
    let words = || prop::collection::vec("[a-d]", 0..4);
    (scalars, lists, words(), words(), words(), "[a-z]{3}").prop_map(|(scalars, lists, keep, drop, mounts, source)| {
        let mut profile = json!({});
        for ((path, values), chosen) in last_wins().into_iter().zip(scalars) {
            if let Some(chosen) = chosen {
                set(&mut profile, &path, values[chosen].clone());
            }
        }
        for ((path, _), list) in APPENDED.iter().zip(lists) {
            set(&mut profile, path, json!(list));
        }
        profile["environment"] = json!({"keep": keep, "drop": drop});
        profile["mounts"] = mounts.iter().map(|word| json!({"ro": word})).collect();
        parse(&profile, &source)
    })
}

fn layers() -> impl Strategy<Value = Vec<Layer>> {
    prop::collection::vec(layer(), 0..5)
}

fn merge(layers: &[Layer]) -> Merged {
    layers.iter().map(Merged::from).fold(Merged::default(), Merged::under)
}

/// Every value that was merged from the key: with who set it.
fn located(merged: &Value, key: &str) -> Vec<Value> {
    match merged {
        Value::Object(entry) if entry.get("origin").is_some_and(|origin| origin["key"] == key) => vec![merged.clone()],
        Value::Object(entries) => entries.values().flat_map(|entry| located(entry, key)).collect(),
        _ => vec![],
    }
}

#[test]
fn the_laws_are_tried_on_every_key() {
    let mut profile = json!({});
    for (path, [value, _]) in last_wins() {
        set(&mut profile, &path, value);
    }
    APPENDED.iter().for_each(|(path, _)| set(&mut profile, path, json!([3])));
    let set = json!(parse(&profile, "all").profile);
    let unset = |section: &str, value: &Value| {
        let entries = value.as_object().unwrap().iter();
        let empty = entries.filter(|(_, value)| value.is_null() || *value == &json!([]) || *value == &json!({}));
        empty.map(|(key, _)| format!("{section}{key}")).collect::<Vec<_>>()
    };
    // Of one file only; or with laws of their own, below.
    assert_eq!(unset("", &set), ["description", "extends", "mounts", "version"]);
    for (key, value) in set.as_object().unwrap().iter().filter(|(_, value)| value.is_object()) {
        let expected: &[&str] = match key.as_str() {
            "root" => &["name"],
            "environment" => &["drop", "keep", "set"],
            _ => &[],
        };
        assert_eq!(unset("", value), expected, "{key}");
    }
}

#[test]
fn of_the_path_and_the_name_of_a_root_the_last_wins() {
    let root = |key: &str| Merged::from(&parse(&json!({"root": {key: "a", "writable": "tmpfs"}}), key));
    let set = |merged: Merged| (merged.root.path.is_some(), merged.root.name.is_some(), merged.root.writable.is_some());
    assert_eq!(set(root("path").under(root("name"))), (false, true, true));
    assert_eq!(set(root("name").under(root("path"))), (true, false, true));
    assert_eq!(set(root("name").under(Merged::default())), (false, true, true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

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
    fn the_last_that_sets_a_key_wins_and_keeps_its_origin(layers in layers()) {
        let merged = json!(merge(&layers));
        for (path, _) in last_wins() {
            let mut each = layers.iter().map(|layer| located(&json!(Merged::from(layer)), &path));
            let last = each.rfind(|set| !set.is_empty()).unwrap_or_default();
            prop_assert_eq!(located(&merged, &path), last, "{}", path);
        }
    }

    #[test]
    fn a_layer_says_what_its_profile_says(layer in layer()) {
        let (merged, profile) = (json!(Merged::from(&layer)), json!(layer.profile));
        for (path, _) in last_wins() {
            let written = profile.pointer(&format!("/{}", path.replace('.', "/"))).filter(|value| !value.is_null());
            let values: Vec<Value> = located(&merged, &path).iter().map(|entry| entry["value"].clone()).collect();
            prop_assert_eq!(values, Vec::from_iter(written.cloned()), "{}", path);
        }
    }

    #[test]
    fn lists_append_without_duplicates_in_the_order_of_first_mention(layers in layers()) {
        let merged = json!(merge(&layers));
        for (path, field) in APPENDED {
            let mut expected: Vec<(Value, &str)> = Vec::new();
            let pointer = format!("/{}", path.replace('.', "/"));
            for layer in &layers {
                for word in json!(layer.profile).pointer(&pointer).unwrap().as_array().unwrap() {
                    if !expected.iter().any(|(known, _)| known == word) {
                        expected.push((word.clone(), &layer.origins[""].source));
                    }
                }
            }
            let found = merged[field].as_array().unwrap().iter();
            let found: Vec<_> = found.map(|item| (item["value"].clone(), item["origin"]["source"].as_str().unwrap())).collect();
            prop_assert_eq!(found, expected, "{}", path);
        }
    }

    #[test]
    fn mounts_and_environments_are_all_there_in_order(layers in layers()) {
        let merged = merge(&layers);
        let mounts: Vec<Mount> = layers.iter().flat_map(|layer| layer.profile.mounts.clone()).collect();
        prop_assert_eq!(merged.mounts.into_iter().map(|mount| mount.value).collect::<Vec<_>>(), mounts);
        let environments = layers.iter().map(|layer| layer.profile.environment.clone());
        let expected: Vec<_> = environments.filter(|e| *e != Profile::default().environment).map(|e| (e.keep, e.drop)).collect();
        prop_assert_eq!(merged.environment.into_iter().map(|e| (e.keep, e.drop)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn layers_that_set_different_keys_can_be_in_any_order(a in 0..last_wins().len(), b in 0..last_wins().len()) {
        prop_assume!(a != b);
        let [a, b] = [a, b].map(|index| {
            let (path, [value, _]) = last_wins().swap_remove(index);
            let mut profile = json!({});
            set(&mut profile, &path, value);
            parse(&profile, "p")
        });
        prop_assert_eq!(merge(&[a.clone(), b.clone()]), merge(&[b, a]));
    }
}
