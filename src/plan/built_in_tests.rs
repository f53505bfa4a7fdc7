//! The built-in profiles, planned on whatever host the tests run on.

use super::testing::{World, by_flag, flag};
use super::*;
use crate::profile::{Located, Merged, Shelves, builtin, schema};
use std::path::Path;

fn world(profile: &str) -> World {
    let world = World::new();
    let mut merged = Shelves::default().load(&[profile.into()], None).unwrap_or_else(|error| panic!("{error}"));
    let mut host = world.host.clone().with("PATH", "/usr/local/bin:/usr/bin:/bin");
    if profile == "container" {
        // Its own file system, and ids of its own.
        let world = World { merged: Merged::default(), host: host.clone(), ..world };
        let world = world.directory("etc").directory("system/usr/bin").file("system/bin/sh");
        for file in ["subuid", "subgid"] {
            std::fs::write(world.path("etc").join(file), "user:100000:65536\n").unwrap();
        }
        host.etc = world.path("etc");
        merged.root.path = Some(by_flag(world.path("system").to_str().unwrap().to_owned()));
        return World { merged, host, ..world };
    }
    World { merged, host, ..world }
}

fn bind<'a>(plan: &'a Plan, place: &Path) -> &'a Bind {
    plan.at(place).and_then(Mount::bind).unwrap_or_else(|| panic!("no bind at {}", place.display()))
}

#[test]
fn every_built_in_profile_makes_a_plan_that_finds_a_shell() {
    for (name, _) in builtin::BUILT_IN {
        let world = world(name);
        let plan = make(world.merged, vec!["sh".into()], &world.host).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(plan.command.found.is_some(), "{name}: {:?}", plan.command);
        assert!(plan.mounts.is_sorted_by(|one, other| one.at < other.at), "{name}");
    }
}

#[test]
fn only_strict_and_container_need_a_cgroup_and_they_insist_on_one() {
    for (name, _) in builtin::BUILT_IN {
        let cgroup = world(name).planned().cgroup;
        let needed_by: Vec<_> = cgroup.needed_by.iter().map(|need| need.key).collect();
        let expected: &[&str] = match *name {
            "strict" => &["limits.memory"],
            // Its processes are of many ids.
            "container" => &["limits.pids"],
            _ => &[],
        };
        assert_eq!((needed_by.as_slice(), cgroup.mode), (expected, Enforcement::Require), "{name}");
    }
}

#[test]
fn the_limits_of_strict_are_those_of_the_reference() {
    let limits = world("strict").planned().limits;
    assert_eq!((limits.memory, limits.swap, limits.pids), (Some(512 << 20), Some(0), Some(64)));
    assert_eq!((limits.cpu_time, limits.wall_time, limits.extra_time), (Some(30_000_000), Some(60_000_000), 0));
    assert_eq!((limits.output, limits.file_size, limits.core), (Some(64 << 20), Some(256 << 20), 0));
}

#[test]
fn the_project_is_read_only_by_default_and_writable_in_a_build() {
    let project = |profile| {
        let world = world(profile);
        let plan = world.planned();
        (bind(&plan, &world.path("home/app")).writable, plan.workdir == world.path("home/app"))
    };
    assert_eq!(project("default"), (false, true));
    assert_eq!(project("build"), (true, true));
}

#[test]
fn a_project_below_tmp_is_not_hidden_by_the_profile_s_own_tmp() {
    let world = world("build");
    let plan = world.planned();
    assert!(matches!(plan.at(Path::new("/tmp")).unwrap().kind, MountKind::Tmpfs(_)));
    assert_eq!(plan.host_path(&world.path("home/app/x")), Some(world.path("home/app/x")));
    assert_eq!(plan.host_path(Path::new("/tmp/x")), None);
}

#[test]
fn a_first_run_at_home_works_without_the_home() {
    let mut world = world("default");
    world.host.cwd = world.path("home");
    let plan = world.planned();
    assert_eq!(plan.notices, ["the current directory is left out: it is your home"]);
    assert_eq!(plan.workdir, world.path("home"));
    assert_eq!(plan.host_path(&world.path("home/.ssh")), None);
}

#[test]
fn a_build_at_home_is_refused() {
    let mut world = world("build");
    world.host.cwd = world.path("home");
    assert!(world.refusal().contains("it is your home, its keys would be inside"));
}

#[test]
fn an_agent_cannot_change_what_runs_later_outside() {
    let world = world("agent").directory("home/app/.git/hooks").file("home/app/.git/config").file("home/app/.env");
    let plan = world.file("home/app/.envrc");
    let (world, plan) = (&plan, plan.planned());
    assert!(!world.bind_at(&plan, "home/app/.git/hooks").writable);
    assert!(!world.bind_at(&plan, "home/app/.envrc").writable, "an exception to .env*");
    assert_eq!(world.bind_at(&plan, "home/app/.git").role, BindRole::Pin);
    assert!(matches!(world.at(&plan, "home/app/.env").kind, MountKind::Hide(_)));
    let watched: Vec<_> = plan.watch.iter().map(|watch| watch.path.clone()).collect();
    for absent in [".github", ".gitlab-ci.yml", ".vscode"] {
        assert!(watched.contains(&world.path("home/app").join(absent)), "{absent}");
    }
}

#[test]
fn a_flag_narrows_what_a_profile_gives() {
    let mut world = world("rust").directory("home/app/target");
    let mount = |ro: &str, rw: bool| {
        let path = Some(ro.to_owned());
        let value = if rw {
            schema::Mount { rw: path, ..Default::default() }
        } else {
            schema::Mount { ro: path, ..Default::default() }
        };
        Located { value, origin: flag("--mount") }
    };
    world.merged.mounts.extend([mount("target", true), mount(".", false)]);
    let plan = world.planned();
    assert!(!world.bind_at(&plan, "home/app").writable);
    assert!(world.bind_at(&plan, "home/app/target").writable);
}

#[test]
fn journey_one_keeps_the_compiler_s_cache() {
    let world = world("build").directory("home/.cache").mount("rw ~/.cache/ccache create");
    let plan = world.planned();
    assert_eq!(plan.create[0].path(), world.path("home/.cache/ccache"));
    assert!(world.bind_at(&plan, "home/.cache/ccache").writable);
    assert!(!world.path("home/.cache/ccache").exists(), "making a plan changes nothing on the host");
}
