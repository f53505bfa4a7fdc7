use super::*;
use crate::host::{ReportFormat, ReportTarget, outcome::Status};
use crate::profile::Merged;
use crate::profile::schema::{Id, NetworkMode};
use crate::profile::units::{Cpus, Duration, Limit, Size, Weight};
use std::os::unix::ffi::OsStringExt;

fn words(line: &[&str]) -> impl Iterator<Item = OsString> {
    let words: Vec<OsString> = ["sandbox"].iter().chain(line).map(OsString::from).collect();
    words.into_iter()
}

fn run(line: &[&str]) -> Run {
    match parse(words(line)) {
        Ok(Invocation::Run(run)) => *run,
        other => panic!("{line:?}: {other:?}"),
    }
}

fn says(line: &[&str]) -> String {
    let error = parse(words(line)).expect_err(&line.join(" "));
    assert_eq!(error.kind, crate::error::ErrorKind::Usage, "{line:?}");
    error.to_string()
}

/// Each command line with what is said about it.
fn page(lines: &[&[&str]]) -> String {
    lines.iter().map(|line| format!("$ sandbox {}\n{}\n\n", line.join(" "), says(line))).collect()
}

#[test]
fn run_is_the_default_subcommand() {
    for line in [&["--", "make", "-j8"][..], &["run", "--", "make", "-j8"]] {
        assert_eq!(run(line).command, ["make", "-j8"]);
    }
}

#[test]
fn what_follows_the_two_dashes_is_the_commands_own_whatever_it_looks_like() {
    let command = run(&["-p", "build", "--", "sh", "--ro", "x", "--", "--help", "-C"]).command;
    assert_eq!(command, ["sh", "--ro", "x", "--", "--help", "-C"]);
}

#[test]
fn an_argument_that_is_not_utf8_reaches_the_command_unchanged() {
    let name = OsString::from_vec(vec![b'a', 0xff, b'b']);
    let line = words(&["--", "cat"]).chain([name.clone()]);
    match parse(line) {
        Ok(Invocation::Run(run)) => assert_eq!(run.command, [OsString::from("cat"), name]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_outside_may_have_any_name() {
    let name = OsString::from_vec(vec![b'a', 0xff]);
    let line = words(&["--stdin"]).chain([name.clone()]);
    match parse(line) {
        Ok(Invocation::Run(run)) => assert_eq!(run.options.stdin, Some(name.into())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_command_without_dashes_is_refused_with_the_line_to_type() {
    insta::assert_snapshot!(page(&[
        &["make"],
        &["make", "-j8"],
        &["-p", "build", "make"],
        &["run", "make"],
        &["explian"],
        &["-p", "build", "explain"],
    ]));
}

#[test]
fn what_is_not_understood_is_named_with_the_nearest_known_word() {
    insta::assert_snapshot!(page(&[
        &["--read-only", "/usr"],
        &["enter", "box", "ls"],
        &["rootfs", "import", "debian.tar", "debian"],
        &["--hostnam", "x"],
        &["-x"],
        &["--network", "hots"],
        &["--network"],
        &["--network", "--", "true"],
        &["--pids", "many"],
        &["--wall-time", "30"],
        &["--memory", "lots"],
        &["--swap", "64KB"],
        &["--cpus", "0"],
        &["--cpus", "1e3"],
        &["--cpus", "-1.5"],
        &["--io-weight", "-1"],
        &["--cpu-weight", "0"],
        &["--io-weight", "10001"],
        &["--cpu-time", "2"],
        &["--extra-time", "unlimited"],
        &["--output", "64KB"],
        &["--uid", "root"],
        &["--feature", "ptrac"],
        &["--feature", "ptrace=maybe"],
        &["--exit-code", "255"],
        &["--exit-code", "setup-faild=1"],
        &["--exit-code", "exited=256"],
        &["--report", "fd:x"],
        &["--pass-fd", "1"],
        &["--pass-fd", "x"],
        &["--env", "=x"],
        &["-q", "-v"],
        &["--color", "blue"],
        &["--landlock-min-abi", "-1"],
        &["profile"],
        &["profile", "lits"],
        &["profile", "check"],
        &["profile", "show"],
        &["profile", "diff", "a"],
        &["explain", "--jsn"],
        &["completions"],
    ]));
}

#[test]
fn what_a_later_version_brings_is_refused_by_name() {
    insta::assert_snapshot!(page(&[&["--collect", "a:b"], &["doctor"], &["learn"], &["batch"],]));
}

#[test]
fn a_mount_that_cannot_be_read_is_refused() {
    insta::assert_snapshot!(page(&[
        &["--ro", "/a:b:c"],
        &["--ro", ""],
        &["--rw", "/a:"],
        &["--rw", ":/a"],
        &["--hide", ""],
        &["--tmpfs", "/a:64KB"],
        &["--mount", "{ro: /a, size: 1M}"],
        &["--mount", "{r: /a}"],
        &["--mount", "{ro: ${PWD}}"],
        &["--mount", "{ro: /a}\n- {ro: /b}"],
        &["--mount", "{ro: /a}\nhostname: x"],
        &["--mount", "{tmpfs: /a, mode: 0755}"],
    ]));
}

#[test]
fn help_shows_every_flag() {
    let Ok(Invocation::Print(help)) = parse(words(&["--help"])) else { panic!() };
    insta::assert_snapshot!(help);
    for line in [&["-h"][..], &["run", "--help"], &["help"]] {
        assert!(matches!(parse(words(line)), Ok(Invocation::Print(_))), "{line:?}");
    }
}

#[test]
fn version_is_the_crates() {
    let Ok(Invocation::Print(version)) = parse(words(&["--version"])) else { panic!() };
    assert_eq!(version, format!("sandbox {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn each_flag_of_the_reference_sets_its_key_with_itself_as_origin() {
    let line = "--hostname h --workdir w --uid caller --gid 5 --map single --outside auto --network host --pids 9 \
        --memory 512M --swap unlimited --cpus 1.5 --cpu-weight 50 --io-weight 200 --cpu-time 3s --extra-time 500ms \
        --wall-time 1m --kill-after 2s --output 1M --file-size 2M --open-files 3 --stack 4M --core 0 \
        --address-space unlimited --locked-memory 5K --feature ptrace --feature userns=false --seccomp strict \
        --seccomp-on-deny kill --seccomp-allow mount --seccomp-deny ptrace --landlock require --landlock-min-abi 3 \
        --cgroup off --capability CAP_NET_RAW --pass-fd 7 --terminal safe --env A --env B=1 --drop-env C";
    let merged = Merged::from(&run(&line.split_whitespace().collect::<Vec<_>>()).flags);
    assert_eq!(merged.uid.as_ref().unwrap().value, Id::Caller);
    assert_eq!(merged.network.as_ref().unwrap().value, NetworkMode::Host);
    assert_eq!(merged.limits.pids.as_ref().unwrap().value, Limit::At(9));
    assert_eq!(merged.limits.wall_time.as_ref().unwrap().value, Limit::At(Duration(60_000_000)));
    assert_eq!(merged.limits.address_space.as_ref().unwrap().value, Limit::<Size>::Unlimited);
    assert_eq!(merged.limits.memory.as_ref().unwrap().value, Limit::At(Size(512 << 20)));
    assert_eq!(merged.limits.swap.as_ref().unwrap().value, Limit::Unlimited);
    assert_eq!(merged.limits.cpus.as_ref().unwrap().value, Limit::At(Cpus(1500)));
    assert_eq!(merged.limits.cpu_weight.as_ref().unwrap().value, Weight(50));
    assert_eq!(merged.limits.io_weight.as_ref().unwrap().value, Weight(200));
    assert_eq!(merged.limits.cpu_time.as_ref().unwrap().value, Limit::At(Duration(3_000_000)));
    assert_eq!(merged.limits.extra_time.as_ref().unwrap().value, Duration(500_000));
    assert!(merged.features.ptrace.as_ref().unwrap().value);
    assert!(!merged.features.userns.as_ref().unwrap().value);
    assert_eq!(merged.environment[0].keep, ["A"]);
    assert_eq!(merged.environment[0].drop, ["C"]);
    assert_eq!(merged.environment[0].set, [("B".to_string(), "1".to_string())]);
    // Every origin is a flag that was typed: none is missing, none is a parent's.
    let json = serde_json::to_value(&merged).unwrap();
    let mut sources = Vec::new();
    collect_sources(&json, &mut sources);
    sources.sort();
    sources.dedup();
    let mut typed: Vec<&str> = line.split_whitespace().filter(|word| word.starts_with("--")).collect();
    typed.retain(|flag| *flag != "--drop-env");
    typed.sort();
    typed.dedup();
    assert_eq!(sources, typed);
}

fn collect_sources<'a>(value: &'a serde_json::Value, into: &mut Vec<&'a str>) {
    match value {
        serde_json::Value::Object(map) if map.contains_key("is_flag") => {
            assert_eq!(map["is_flag"], true);
            into.extend(map["source"].as_str());
        }
        serde_json::Value::Object(map) => map.values().for_each(|value| collect_sources(value, into)),
        serde_json::Value::Array(items) => items.iter().for_each(|value| collect_sources(value, into)),
        _ => {}
    }
}

#[test]
fn mounts_keep_the_order_in_which_they_were_typed_whatever_their_flags() {
    let line = ["--rw", "a:/b", "--ro", "/c", "--tmpfs", "/d:1M", "--rw", "/e", "--mount", "{symlink: /f, to: g}"];
    let merged = Merged::from(&run(&line).flags);
    let kinds: Vec<_> =
        merged.mounts.iter().map(|mount| (mount.value.keys()[0], mount.origin.source.as_str())).collect();
    assert_eq!(kinds, [("rw", "--rw"), ("ro", "--ro"), ("tmpfs", "--tmpfs"), ("rw", "--rw"), ("symlink", "--mount")]);
    assert_eq!(merged.mounts[0].value.at.as_deref(), Some("/b"));
    assert_eq!(merged.mounts[2].value.size, Some(Size(1 << 20)));
}

#[test]
fn explain_takes_the_options_of_run_in_the_same_way() {
    let Ok(Invocation::Explain { run, json }) = parse(words(&["explain", "--json", "--ro", "/a", "--rw", "/b"])) else {
        panic!()
    };
    assert!(json);
    assert_eq!(run.flags.profile.mounts.len(), 2);
    assert!(run.command.is_empty());
}

#[test]
fn a_colon_within_a_variable_does_not_divide_source_and_destination() {
    let mount = &run(&["--ro", "${A:-~/x}/y:/z"]).flags.profile.mounts[0];
    assert_eq!((mount.ro.as_deref(), mount.at.as_deref()), (Some("${A:-~/x}/y"), Some("/z")));
}

#[test]
fn a_value_on_a_flag_is_meant_as_it_stands() {
    let flags = run(&["--env", "A=${HOME}$x=1"]).flags;
    assert_eq!(flags.profile.environment.set["A"], "$${HOME}$$x=1");
}

#[test]
fn of_a_flag_given_twice_the_last_counts_and_of_a_list_all() {
    let run = run(&["--pids", "1", "--pids", "2", "-p", "a", "-p", "b", "--pass-fd", "5", "--pass-fd", "6"]);
    assert_eq!(run.flags.profile.limits.pids, Some(Limit::At(2)));
    assert_eq!(run.profiles, ["a", "b"]);
    assert_eq!(run.flags.profile.pass_fds, [5, 6]);
}

#[test]
fn options_of_the_run_outside_are_read() {
    let run = run(&[
        "-C",
        "d",
        "--stdin",
        "i",
        "--stdout",
        "o",
        "--stderr",
        "e",
        "--report",
        "fd:3",
        "--exit-code",
        "setup-failed=255",
        "--exit-code",
        "cpu-timeout=7",
        "--exit-code",
        "out-of-memory=8",
        "--name",
        "n",
        "-vv",
        "--color",
        "never",
    ]);
    assert_eq!(run.directory, Some("d".into()));
    assert_eq!(run.options.stdin, Some("i".into()));
    assert_eq!(run.options.stdout, Some("o".into()));
    assert_eq!(run.options.stderr, Some("e".into()));
    assert_eq!(run.options.report, Some(ReportTarget::Fd(3)));
    let codes = [(Status::SetupFailed, 255), (Status::CpuTimeout, 7), (Status::OutOfMemory, 8)];
    assert_eq!(run.options.exit_codes, codes);
    assert_eq!(run.options.name.as_deref(), Some("n"));
    assert_eq!((run.verbose, run.quiet, run.color), (2, false, Color::Never));
    let run = self::run(&["-q", "--report", "./fd:3"]);
    assert_eq!((run.quiet, run.options.report), (true, Some(ReportTarget::File("./fd:3".into()))));
}

#[test]
fn a_report_is_json_unless_another_format_is_said() {
    for (flags, format) in [
        (&["--report", "fd:3"][..], ReportFormat::Json),
        (&["--report-format=json", "--report", "fd:3"], ReportFormat::Json),
        (&["--report", "fd:3", "--report-format", "isolate"], ReportFormat::Isolate),
    ] {
        assert_eq!(run(flags).options.report_format, format, "{flags:?}");
    }
    assert!(says(&["--report", "fd:3", "--report-format", "yaml"]).contains("unknown value"));
}

#[test]
fn a_format_without_a_report_is_refused() {
    let said = says(&["--report-format", "json", "--", "true"]);
    insta::assert_snapshot!(said, @"--report-format says how a report is written, and there is none. Add --report FILE, or leave it out");
    assert_eq!(says(&["explain", "--report-format", "isolate"]), said);
}

#[test]
fn subcommands_of_profile_are_read() {
    assert!(matches!(parse(words(&["profile", "list"])), Ok(Invocation::ProfileList)));
    let show = parse(words(&["profile", "show", "build", "--resolved"]));
    assert!(matches!(show, Ok(Invocation::ProfileShow { name, resolved: true }) if name == "build"));
    let check = parse(words(&["profile", "check", "a.yaml", "b"]));
    assert!(matches!(check, Ok(Invocation::ProfileCheck { files }) if files == ["a.yaml", "b"]));
    let diff = parse(words(&["profile", "diff", "a", "./b.yaml"]));
    assert!(matches!(diff, Ok(Invocation::ProfileDiff { a, b }) if a == "a" && b == "./b.yaml"));
    for (line, file) in [(&["profile", "init"][..], "sandbox.yaml"), (&["profile", "init", "p/x.yaml"], "p/x.yaml")] {
        assert!(matches!(parse(words(line)), Ok(Invocation::ProfileInit { file: named }) if named == *file));
    }
}
