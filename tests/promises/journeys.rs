//! The journeys of the profile reference, as typed.

use super::harness::{Project, finish};
use std::process::Command;

/// A two-file C project with a Makefile and a test.
fn c_project() -> Project {
    let project = Project::new();
    project
        .write("main.c", "#include <stdio.h>\nint add(int, int);\nint main(void) { printf(\"%d\\n\", add(40, 2)); }\n");
    project.write("add.c", "int add(int a, int b) { return a + b; }\n");
    project.write(
        "Makefile",
        "app: main.o add.o\n\t$(CC) $(CFLAGS) -o $@ $^\ncheck: app\n\ttest \"$$(./app)\" = 42\n\tid -u > uid\n",
    );
    project
}

/// `sandbox` on PATH, as a user has it.
fn with_sandbox_on_path(command: &mut Command) {
    let binary = super::harness::binary();
    let dir = std::path::Path::new(&binary).parent().unwrap().display();
    command.env("PATH", format!("{dir}:{}", std::env::var("PATH").unwrap()));
}

#[test]
fn j1_a_build_with_ccache() {
    let project = c_project();
    project.write("../.cache/.keep", "");
    let profile = "extends: [build]\nenvironment:\n  keep: [\"CCACHE_*\"]\n  set:\n    PATH: /usr/lib/ccache:${PATH}\nmounts:\n  - rw: ~/.cache/ccache\n    create: true\n";
    project.write("cc.yaml", profile);
    for _ in 0..2 {
        project.run(&["-p", "./cc.yaml", "--", "make", "-B", "-j8"]).ok();
    }
    assert_eq!(finish(project.outside("./app", &[])).ok(), "42");
    let stats = finish(project.outside("ccache", &["-s"])).ok();
    assert!(stats.lines().any(|line| line.contains("Hits") && !line.contains(" 0 /")), "{stats}");
}

#[test]
fn j2_a_cargo_project_read_only_but_for_its_target() {
    let project = Project::new();
    project.write("Cargo.toml", "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    project.write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"demo\"\nversion = \"0.1.0\"\n");
    project.write("src/main.rs", "fn main() { println!(\"built\"); }\n");
    project.write("c.yaml", "extends: [rust]\nmounts:\n  - ro: ${PWD}\n  - rw: ${PWD}/target\n    create: true\n");
    project.write("../.cargo/credentials.toml", "canary");
    let mut command = project.sandbox(&["-p", "./c.yaml", "--", "cargo", "build", "--offline", "--locked"]);
    with_toolchain(&mut command);
    finish(command).ok();
    assert_eq!(finish(project.outside("target/debug/demo", &[])).ok(), "built");
    let mut command = project.sandbox(&[
        "-p",
        "./c.yaml",
        "--",
        "sh",
        "-c",
        "find ${CARGO_HOME:-$HOME/.cargo} -name 'credentials*'; touch src/x",
    ]);
    with_toolchain(&mut command);
    let output = finish(command);
    assert_eq!(output.text(), "");
    output.says(&["read-only"]);
}

/// The caller's own home, since his toolchain is there.
pub fn with_toolchain(command: &mut Command) {
    command.env("HOME", std::env::var_os("HOME").unwrap());
    for name in ["RUSTUP_HOME", "CARGO_HOME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

// (3) is tests/real_builds: npm test of a real package.

#[test]
fn j4_a_virtual_environment_outside_the_project() {
    let project = Project::new();
    let venv = project.home().join(".venvs/x");
    finish(project.outside("/usr/bin/python3", &["-m", "venv", "--without-pip", venv.to_str().unwrap()])).ok();
    project.write("t.py", "import sys\nprint(sys.prefix)\n");
    let python = venv.join("bin/python");
    let output = project.run(&["-p", "python", "--ro", venv.to_str().unwrap(), "--", python.to_str().unwrap(), "t.py"]);
    assert_eq!(output.ok(), venv.to_str().unwrap());
}

#[test]
fn j5_make_check_with_a_report_and_j10_the_callers_id() {
    let project = c_project();
    project.run(&["-p", "test", "--report", "r.json", "--", "make", "check"]).ok();
    let report = project.report();
    assert_eq!((&report["status"], &report["exit_code"]), (&"exited".into(), &0.into()));
    assert_eq!(project.read("uid").trim(), nix::unistd::getuid().to_string());
}

#[test]
fn j6_every_test_of_cargo_in_a_sandbox_of_its_own() {
    let project = Project::new();
    project.write(
        "Cargo.toml",
        "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[lib]\ndoctest = false\n",
    );
    project.write(
        "src/lib.rs",
        "#[test]\nfn inside() { assert_eq!(std::env::var(\"container\").as_deref(), Ok(\"sandbox\")); }\n",
    );
    let runner = format!("{} -p rust --rw {} --", super::harness::binary(), project.path().display());
    let mut command = project.outside("cargo", &["test", "--offline"]);
    with_toolchain(&mut command);
    command.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", runner);
    assert!(finish(command).ok().contains("1 passed"));
}

#[test]
fn j6_git_bisect_run_finds_the_bad_commit() {
    let project = c_project();
    let git = "git init -q . && git add -A && g() { git -c user.name=a -c user.email=a@b commit -qam \"$1\"; } && g one \
        && for i in 2 3 4; do echo \"/* $i */\" >> add.c; g \"good $i\"; done && sed -i 's/a + b/a - b/' add.c && g bad \
        && for i in 6 7; do echo \"/* $i */\" >> add.c; g \"later $i\"; done \
        && git bisect start HEAD HEAD~6 && git bisect run sandbox --exit-code setup-failed=255 -p build -- make -B check";
    let mut command = project.outside("sh", &["-c", git]);
    with_sandbox_on_path(&mut command);
    let output = finish(command).ok();
    assert!(output.contains("is the first bad commit") && output.contains("\n    bad\n"), "{output}");
}

// As typed, but for a host that gives no cgroup.
#[test]
fn j7_a_grader_runs_a_submission_on_a_test_within_limits() {
    let project = Project::new();
    for directory in ["box", "out"] {
        std::fs::create_dir(project.path().join(directory)).unwrap();
    }
    project.write("1.in", "21\n");
    project.write("a.c", "#include <stdio.h>\nint main(void) { int n; return scanf(\"%d\", &n) != 1 || printf(\"%d\\n\", 2 * n) < 0; }\n");
    finish(project.outside("cc", &["-o", "box/a", "a.c"])).ok();
    let workdir = project.path().join("box");
    let line =
        "--memory 256MiB --cpu-time 2s --extra-time 500ms --wall-time 6s --report out/1.json --cgroup prefer -- ./a";
    let grader =
        ["-p", "strict", "--ro", "box", "--workdir", workdir.to_str().unwrap(), "--stdin", "1.in", "--stdout", "out/1"];
    project.run(&[&grader[..], &line.split(' ').collect::<Vec<_>>()].concat()).exits(0);
    assert_eq!(project.read("out/1"), "42\n");
    let report: serde_json::Value = serde_json::from_str(&project.report_text("out/1.json")).unwrap();
    assert_eq!((&report["status"], &report["exit_code"]), (&"exited".into(), &0.into()), "{report}");
}

#[test]
fn j8_an_agent_cannot_plant_a_hook_or_read_a_secret() {
    let project = Project::new();
    finish(project.outside("git", &["init", "-q", "."])).ok();
    project.write(".env", "TOKEN=canary");
    project.write(".env.local", "TOKEN=canary");
    project.write("agent.yaml", "extends: [test]\nmounts:\n  - ro: ${PWD}/.git/hooks\n  - ro: ${PWD}/.github\n    optional: true\n  - hide: \"${PWD}/.env*\"\n");
    for profile in ["./agent.yaml", "agent"] {
        let script = "cat .env .env.local; echo x > .git/hooks/pre-commit; mv .git g; rm -rf .git/hooks; git status > /dev/null && echo git works; echo made > new";
        let output = project.shell(&["-p", profile], script);
        assert!(!output.text().contains("canary") && output.text().contains("git works"), "{output:?}");
        assert!(!project.path().join(".git/hooks/pre-commit").exists() && project.path().join(".git/hooks").exists());
        assert_eq!(project.read("new"), "made\n");
    }
}

#[test]
fn j9_a_look_into_an_evil_archive() {
    let project = Project::new();
    project.write("evil/file", "inside the archive");
    finish(project.outside("tar", &["-czPf", "evil.tar.gz", "--transform", "s,^evil,../../evil-made,", "evil"])).ok();
    let script = "cp evil.tar.gz /tmp 2>/dev/null; f=$(find / -name evil.tar.gz 2>/dev/null | head -n 1); cd ~ && tar -xzPf $f; pwd";
    let output = project.shell(&["-p", "shell", "--ro", "./evil.tar.gz"], script);
    assert_eq!(output.ok(), "/home/sandbox");
    let made = finish(project.outside("find", &[project.home().to_str().unwrap(), "-name", "evil-made*"])).ok();
    assert_eq!(made, "");
}

#[test]
fn the_strict_profile_compiles_and_runs_c_in_its_box() {
    let project = Project::new();
    let script = "echo '#include <pthread.h>\nint main(void) { return pthread_self() == 0; }' > t.c && cc -pthread -o t t.c && ./t && pwd";
    assert_eq!(project.shell(&["-p", "strict", "--cgroup", "prefer"], script).ok(), "/box");
}

// Inside is uid 0, and tar as root restores owners, which are not there.
#[test]
fn j9_an_archive_of_any_owner_unpacks_without_an_error() {
    let project = Project::new();
    project.write("evil/file", "inside the archive");
    finish(project.outside("tar", &["-czf", "evil.tar.gz", "--owner=4711", "--group=4711", "evil"])).ok();
    let archive = project.path().join("evil.tar.gz");
    let script = format!("tar -xzf {} && cat evil/file", archive.display());
    assert_eq!(project.shell(&["-p", "shell", "--ro", "./evil.tar.gz"], &script).ok(), "inside the archive");
}
