//! Real projects that nobody here wrote, fetched through the ordinary package clients and left as they are: built and
//! tested inside with a built-in profile, with the same result as outside.
//!
//! Versions are fixed, so that a new release of theirs is no failure of ours.

use super::harness::{Output, Project, feed_within, patience};
use super::journeys::with_toolchain;
use std::process::Command;

/// Gives a package client what it needs of the caller's surroundings: certificates and the address of its registry.
fn fetch(project: &Project, script: &str) {
    let mut command = project.outside("bash", &["-euo", "pipefail", "-c", script]);
    with_toolchain(&mut command);
    for (name, value) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if ["SSL_", "PIP_", "npm_config_", "NODE_EXTRA", "CARGO_", "http_proxy", "https_proxy"]
            .iter()
            .any(|p| name_text.starts_with(p))
        {
            command.env(name, value);
        }
    }
    long(command).exits(0);
}

/// `script` in `project`, outside.
fn outside(project: &Project, script: &str) -> Output {
    let mut command = project.outside("sh", &["-c", script]);
    command.env("TMPDIR", project.home()); // not the /tmp of all, where another user's run may have left its files
    in_callers_home(command)
}

/// `script` in `project`, inside with a built-in profile.
fn inside(project: &Project, profile: &str, script: &str) -> Output {
    in_callers_home(project.sandbox(&["-p", profile, "--", "sh", "-c", script]))
}

fn in_callers_home(mut command: Command) -> Output {
    with_toolchain(&mut command);
    command.env("CI", "true"); // so that no tool draws or asks
    long(command)
}

/// What takes a minute on an idle machine.
fn long(command: Command) -> Output {
    feed_within(command, b"", 5 * patience())
}

/// The lines that count tests, without their times.
fn counts(output: &Output, marks: &[&str]) -> Vec<String> {
    let text = output.text();
    let lines =
        text.lines().filter(|line| marks.iter().any(|mark| line.trim_start().starts_with(mark) || line.contains(mark)));
    lines.map(|line| line.split(" in ").next().unwrap().split("; finished").next().unwrap().trim().to_owned()).collect()
}

/// The same exit code, 0, and the same non-empty list of counts.
#[track_caller]
fn same(inside: &Output, outside: &Output, marks: &[&str]) {
    outside.exits(0);
    inside.exits(0);
    let (here, there) = (counts(inside, marks), counts(outside, marks));
    assert!(!there.is_empty(), "no test was counted: {}", outside.text());
    assert_eq!(here, there);
}

/// `apt-get source PACKAGE` with a list of its own: the machine's archives as `deb-src`, its settings untouched.
fn debian_source(package: &str) -> Project {
    let project = Project::new();
    let script = r#"
        mkdir -p apt/lists/partial apt/cache/archives/partial
        apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
            grep -v '[a-z]-[a-z]* main' | sort -u > apt/sources.list
        test -s apt/sources.list || { echo 'no archive of Debian is known: run apt-get update as root first' >&2; exit 1; }
        own=(-qq -o Dir::Etc::sourcelist="$PWD/apt/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$PWD/apt/lists"
             -o Dir::Cache="$PWD/apt/cache" -o APT::Sandbox::User=)
        apt-get "${own[@]}" -o Acquire::Retries=5 update
        apt-get "${own[@]}" -o Acquire::Retries=5 source --only-source PACKAGE
        mv PACKAGE-*/ source"#;
    fetch(&project, &script.replace("PACKAGE", package));
    project
}

#[test]
fn c_zlib_of_debian_builds_and_passes_its_own_tests() {
    let project = debian_source("zlib");
    let script = "cp -a source $D && cd $D && ./configure && make -j2 && make test";
    let there = outside(&project, &script.replace("$D", "outside"));
    let here = inside(&project, "build", &script.replace("$D", "inside"));
    same(&here, &there, &["test OK ***"]);
}

#[test]
fn c_hello_of_debian_builds_and_passes_its_own_tests() {
    let project = debian_source("hello");
    let script = "cp -a source $D && cd $D && ./configure && make && make check";
    let there = outside(&project, &script.replace("$D", "outside"));
    let here = inside(&project, "test", &script.replace("$D", "inside"));
    same(&here, &there, &["# TOTAL:", "# PASS:", "# FAIL:", "# SKIP:", "# ERROR:"]);
}

#[test]
fn rust_bytes_passes_its_own_tests_offline() {
    let project = Project::new();
    let script = "cargo new -q --vcs none --lib fetch && cd fetch && cargo add -q bytes@=1.12.1 && cargo fetch -q && cd .. \
        && cp -r \"${CARGO_HOME:-$HOME/.cargo}\"/registry/src/*/bytes-1.12.1 bytes && cd bytes && cargo vendor -q > ../config.toml \
        && mkdir -p .cargo && mv ../config.toml .cargo/";
    fetch(&project, script);
    let script = "cd bytes && CARGO_TARGET_DIR=$PWD/$D cargo test --offline 2>&1";
    let there = outside(&project, &script.replace("$D", "outside"));
    let here = inside(&project, "rust", &script.replace("$D", "inside"));
    same(&here, &there, &["test result:"]);
}

#[test]
fn python_click_passes_its_own_tests() {
    let project = Project::new();
    let script = "/usr/bin/python3 -m venv .venv && .venv/bin/pip -q download --no-binary :all: --no-deps click==8.5.1 \
        && tar xf click-8.5.1.tar.gz && .venv/bin/pip -q install pytest==8.4.2 ./click-8.5.1";
    fetch(&project, script);
    let script = "cd click-8.5.1 && ../.venv/bin/python -m pytest -q -p no:cacheprovider";
    let there = outside(&project, script);
    let here = inside(&project, "python", script);
    same(&here, &there, &[" passed"]);
}

#[test]
fn node_fastify_plugin_passes_its_own_tests() {
    let project = Project::new();
    let script = "npm pack --silent fastify-plugin@6.0.1 && tar xf fastify-plugin-6.0.1.tgz && cd package \
        && npm install --silent --no-audit --no-fund --ignore-scripts";
    fetch(&project, script);
    let script = "cd package && npm run test:unit";
    let there = outside(&project, script);
    let here = inside(&project, "node", script);
    same(&here, &there, &["# tests", "# pass", "# fail"]);
}
