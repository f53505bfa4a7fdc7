use super::*;
use crate::plan::testing::{World, line, located};
use crate::profile::units::{Duration, Limit};
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
    plan.root.inodes = 100;
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
