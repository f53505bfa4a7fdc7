use super::*;
use crate::plan::testing::{World, line, located};
use crate::profile::units::{Duration, Limit, Size};
use crate::profile::{EnvironmentLayer, schema};

/// A project with an agent at work in it; nothing of the host that the test runs on.
fn world() -> World {
    let mut world = World::new().directory("home/app/.git/hooks").file("home/app/.env").file("sys/bin/make");
    world = world.directory("home/.cache").directory("home/.ssh");
    let set = vec![("PATH".to_owned(), "/usr/bin:${ROOT}/nowhere".to_owned())];
    let keep = vec!["TERM".to_owned(), "CI*".to_owned()];
    let origin = line("default", 4, "environment");
    world.host = world.host.clone().with("ROOT", world.path("").to_str().unwrap());
    world.host = world.host.clone().with("TERM", "xterm").with("CI_JOB_TOKEN", "s3cret").with("OTHER", "1");
    world.merged.environment.push(EnvironmentLayer { keep, set, origin, ..Default::default() });
    world.merged.uid = Some(located(schema::Id::Caller));
    world.merged.gid = Some(located(schema::Id::Caller));
    world.merged.limits.memory = Some(located(Limit::At(Size(1 << 30))));
    world.merged.limits.pids = Some(located(Limit::At(4096)));
    world.merged.limits.wall_time = Some(located(Limit::At(Duration(1_800_000_000))));
    world.merged.features.ptrace = Some(located(true));
    world
        .mount("ro ROOT/sys at=/usr")
        .mount("rw ${PWD}")
        .mount("ro ${PWD}/.git/hooks")
        .mount("ro ${PWD}/.github optional")
        .mount("hide ${PWD}/.env*")
        .mount("rw ~/.cache/ccache create")
        .mount("tmpfs ~")
        .mount("tmpfs /tmp")
        .mount("symlink /var/tmp to=/tmp")
}

fn plan(world: &World, argv: &[&str]) -> Plan {
    let mut plan = plan::make(world.merged.clone(), argv.iter().map(Into::into).collect(), &world.host).unwrap();
    // It counts the names on the way to the throw-away host.
    plan.root.tmpfs.inodes = 100;
    plan
}

fn seen(world: &World) -> Seen {
    Seen {
        home: world.host.home.clone(),
        cwd: world.host.cwd.clone(),
        groups: vec!["docker".into()],
        landlock: Some(7),
        calls: Some(291),
    }
}

fn without_root(world: &World, text: &str) -> String {
    text.replace(world.path("").to_str().unwrap(), "ROOT")
}

#[test]
fn a_range_of_ids_is_told_with_the_groups_that_go() {
    let mut world = world().directory("etc");
    world.host.etc = world.path("etc");
    for file in ["subuid", "subgid"] {
        std::fs::write(world.path("etc").join(file), "user:100000:65536\nuser:300000:5\n").unwrap();
    }
    world.merged.map = Some(located(schema::IdMap::Subordinate));
    let plan = plan(&world, &["make"]);
    let shown = text(&plan, &seen(&world), false);
    let line = shown.lines().find(|line| line.starts_with("user ")).unwrap();
    let ids = "100000-100999 101000-165535 300000-300004";
    assert_eq!(
        line,
        format!(
            "user      user 1000:1000 inside = 1000:1000 outside; with uids {ids} and gids {ids} for the other ids inside; dropped groups: docker"
        )
    );
    assert_eq!(json(&plan)["user"]["uids"][1], serde_json::json!({"inside": 1000, "outside": 1000, "count": 1}));
}

#[test]
fn the_text_shows_on_one_screen_what_was_decided() {
    let world = world();
    let shown = text(&plan(&world, &["make", "-j8", "all tests"]), &seen(&world), false);
    insta::assert_snapshot!(without_root(&world, &shown));
}

#[test]
fn verbose_lists_every_entry_and_every_value() {
    let world = world();
    let shown = text(&plan(&world, &["/usr/bin/make"]), &seen(&world), true);
    // The column is as wide as the throw-away host's name.
    let narrow: Vec<String> = without_root(&world, &shown).lines().map(squeeze).collect();
    insta::assert_snapshot!(narrow.join("\n"));
}

fn squeeze(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    format!("{}{}", &line[..indent], line.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn the_json_holds_the_whole_plan() {
    let world = world();
    let shown = format!("{:#}", json(&plan(&world, &["make"])));
    insta::assert_snapshot!(without_root(&world, &shown));
}

#[test]
fn what_is_not_found_or_dangerous_is_marked() {
    let mut world = World::new();
    world.merged.network = Some(located(schema::NetworkMode::Host));
    world.merged.seccomp_policy = Some(located(schema::SeccompPolicy::Off));
    world.merged.landlock_mode = Some(located(schema::Enforcement::Off));
    let shown = text(&plan(&world, &["make"]), &Seen { calls: None, ..seen(&world) }, false);
    for mark in ["make ! not found inside", "! the host's network", "! no seccomp", "! no Landlock"] {
        assert!(shown.contains(mark), "{mark}: {shown}");
    }
}

/// The line of the limits and the end of that of the layers, with these in the profile.
fn limits_and_cgroup(limits: &str, mode: schema::Enforcement) -> (String, String) {
    let mut world = World::new();
    let layer = profile::text::parse(format!("limits: {limits}").as_bytes(), "cc.yaml", None).unwrap();
    world.merged.limits = profile::Merged::from(&layer).limits;
    world.merged.cgroup = Some(located(mode));
    let shown = text(&plan(&world, &["true"]), &seen(&world), false);
    let line = |name: &str| shown.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    (line("limits"), line("layers").rsplit(" · ").next().unwrap().to_owned())
}

#[test]
fn limits_are_shown_with_what_counts_processes_and_what_a_cgroup_is_for() {
    let all = "{memory: 512MiB, cpus: 1.5, cpu_weight: 50, io_weight: 200, pids: 64, cpu_time: 30s, wall_time: 60s, extra_time: 500ms}";
    let (limits, cgroup) = limits_and_cgroup(all, schema::Enforcement::Require);
    assert_eq!(
        limits,
        "memory 512MiB, swap 0, cpus 1.5, cpu weight 50, io weight 200, pids 64 (cgroup), cpu time 30s, wall time 1m, extra time 500ms, core 0"
    );
    assert_eq!(cgroup, "cgroup required for limits.memory, limits.cpus, limits.cpu_weight, limits.io_weight");

    let (limits, cgroup) = limits_and_cgroup("{swap: 1GiB, pids: 64, cpu_time: 2s}", schema::Enforcement::Prefer);
    assert_eq!(
        limits,
        "swap 1GiB, pids 64 (cgroup, else rlimit), cpu time 2s, core 0; memory, wall time: unlimited ! a run can use all memory: --memory"
    );
    assert_eq!(cgroup, "cgroup preferred for limits.swap");

    for mode in [schema::Enforcement::Require, schema::Enforcement::Prefer, schema::Enforcement::Off] {
        let (limits, cgroup) = limits_and_cgroup("{pids: 64, wall_time: 2s}", mode);
        assert_eq!(
            limits,
            "pids 64 (rlimit), wall time 2s, core 0; memory: unlimited ! a run can use all memory: --memory"
        );
        assert_eq!(cgroup, "no cgroup needed");
    }
}

#[test]
fn what_a_limit_does_not_do_is_said() {
    let (limits, _) = limits_and_cgroup("{extra_time: 1s}", schema::Enforcement::Require);
    assert!(
        limits
            .starts_with("extra time 1s (of no limit on time: no effect), core 0; processes, memory, time: unlimited")
    );
    let (limits, _) = limits_and_cgroup("{memory: 1MiB, swap: unlimited}", schema::Enforcement::Require);
    assert!(limits.starts_with("memory 1MiB, swap unlimited, core 0; processes, time: unlimited"), "{limits}");
}

#[test]
fn no_value_that_was_withheld_is_shown() {
    let world = world();
    let plan = plan(&world, &["make"]);
    let all = [text(&plan, &seen(&world), true), json(&plan).to_string()];
    assert!(all.iter().all(|text| text.contains("CI_JOB_TOKEN") && !text.contains("s3cret")));
}

#[test]
fn a_group_is_shown_by_its_name() {
    let groups = "root:x:0:\ndocker:x:998:user\n";
    assert_eq!([group_name(groups, 998), group_name(groups, 7)], ["docker", "7"]);
}
