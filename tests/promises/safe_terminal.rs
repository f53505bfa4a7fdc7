//! `terminal: safe`: the caller's terminal shows what the command writes, and does nothing else for it.

use super::harness::{Project, binary, finish};
use super::pty::Terminal;

/// What would make the caller's terminal act: the clipboard, a title, a title typed back, its name, the cursor's place, a colour,
/// the clipboard through tmux, a print, C1 in both forms, and a string that never ends.
const ACTS: &str = r"\033]52;c;cm0gLXJmIC8=\007 \033]0;title\033\\ \033[21t \033[c \033[6n \033]11;?\007 \005 \033Z
\033Ptmux;\033\033]52;c;eA==\007\033\\ \033[5i \033[?1;2$p \302\2336n \233c \033_Gi=1,a=q;AAAA\033\\ \033]2;endless";

/// A `sandbox -p build --terminal MODE -- sh -c SCRIPT` that has the terminal to itself.
fn on_terminal(project: &Project, mode: &str, script: &str) -> Terminal {
    Terminal::start(project, &binary(), &["-p", "build", "--terminal", mode, "--", "sh", "-c", script])
}

// Layer: the filter between the sandbox's pty and the caller's terminal.
#[test]
fn what_a_terminal_would_act_upon_reaches_it_raw_and_not_safe() {
    for mode in ["raw", "safe"] {
        let project = Project::new();
        let script = format!("printf 'begin {ACTS}'; printf '\\nover\\n'");
        let mut terminal = on_terminal(&project, mode, &script);
        terminal.shows("begin");
        terminal.shows("over");
        assert_eq!(terminal.ends().code(), Some(0));
        let screen = terminal.screen();
        for act in ["\x1b", "\x05", "\u{9b}", "52;c", "title", "21t", "endless"] {
            assert_eq!(screen.contains(act), mode == "raw", "{mode}, {act:?}: {screen:?}");
        }
    }
}

#[test]
fn colours_movement_and_the_other_screen_reach_a_safe_terminal() {
    let project = Project::new();
    let script =
        r"printf '\033[?1049h\033[?25l\033[2J\033[1;1H\033[38;5;9mred\033[0m\033[?25h\033[?1049l größe 文件 over'";
    let mut terminal = on_terminal(&project, "safe", script);
    terminal.shows("\x1b[?1049h\x1b[?25l\x1b[2J\x1b[1;1H\x1b[38;5;9mred\x1b[0m\x1b[?25h\x1b[?1049l größe 文件 over");
    assert_eq!(terminal.ends().code(), Some(0));
}

#[test]
fn what_the_command_writes_in_two_parts_arrives_whole() {
    let project = Project::new();
    let script = r"printf 'caf\303'; sleep 0.2; printf '\251 \033[3'; sleep 0.2; printf '1mred \033]52;c;'; sleep 0.2; printf 'eA==\007over'";
    let mut terminal = on_terminal(&project, "safe", script);
    terminal.shows("café \x1b[31mred over");
    assert_eq!(terminal.ends().code(), Some(0));
}

#[test]
fn a_safe_terminal_is_put_back_where_the_command_left_it_changed() {
    for end in ["exit 0", "kill -9 $$"] {
        let project = Project::new();
        let run = format!(
            "{} -p build --terminal safe -- sh -c 'printf \"\\033[?1049h\\033[?25l\\033[?1003h\\033[31mleft\"; {end}'; echo over",
            binary()
        );
        let mut terminal = Terminal::start(&project, "sh", &["-c", &run]);
        terminal.shows("left\x1b[?1003l\x1b[?1049l\x1b[?25h\x1b[m");
        terminal.shows("over");
    }
}

#[test]
fn stdout_alone_is_a_safe_terminal_too_and_a_file_beside_it_gets_every_byte() {
    let project = Project::new();
    let script = r"printf '\033]0;title\007shown\n'; printf '\033]0;title\007' >&2; sleep 0.1; printf over";
    project.write("script", script);
    let run = format!("{} -p build --terminal safe -- sh ./script </dev/null 2>err", binary());
    let mut terminal = Terminal::start(&project, "sh", &["-c", &run]);
    terminal.shows("over");
    assert_eq!(terminal.screen(), "shown\r\nover");
    assert_eq!(terminal.ends().code(), Some(0));
    assert_eq!(project.read("err"), "\x1b]0;title\x07");
}

#[test]
fn the_profile_asks_for_it_and_explain_says_so() {
    let project = Project::new();
    project.write("tame.yaml", "extends: [build]\nterminal: safe\n");
    let args = ["-p", "./tame.yaml", "--", "printf", "\\033]0;title\\007over"];
    let mut terminal = Terminal::start(&project, &binary(), &args);
    terminal.shows("over");
    assert_eq!(terminal.screen(), "over");
    assert!(project.run(&["explain", "-p", "./tame.yaml"]).ok().contains("safe terminal"));
    assert!(!project.run(&["explain", "-p", "build"]).ok().contains("safe terminal"));
}

#[test]
fn pipes_get_every_byte_under_safe() {
    let project = Project::new();
    let output = project.shell(&["-p", "build", "--terminal", "safe"], r"printf '\033]0;title\007\233'");
    assert_eq!(output.stdout, b"\x1b]0;title\x07\x9b");
}

// Layer: the limit is counted before the filter; a flood that a terminal never shows is a flood.
#[test]
fn the_limit_and_the_report_count_what_the_command_wrote() {
    let project = Project::new();
    let args = ["-p", "build", "--terminal", "safe", "--output", "1000", "--report", "r.json", "--"];
    let flood = "while :; do printf '\\033]0;0123456789\\007'; done";
    let mut terminal = Terminal::start(&project, &binary(), &[&args[..], &["sh", "-c", flood]].concat());
    assert_eq!(terminal.ends().code(), Some(153));
    let report = project.report();
    assert_eq!((&report["status"], &report["stdout_bytes"]), (&"output-limit".into(), &1000.into()), "{report}");
    assert!(!terminal.screen().contains("0123"), "{:?}", terminal.screen());

    let mut quiet = Terminal::start(&project, &binary(), &[&args[..], &["printf", "\\033]0;title\\007"]].concat());
    assert_eq!(quiet.ends().code(), Some(0));
    assert_eq!(project.report()["stdout_bytes"], 10);
}

// Layer: back-pressure: what the terminal does not take stops the writer.
#[test]
fn a_safe_terminal_that_nobody_reads_stops_the_command() {
    let project = Project::new();
    let flood = "import os,select
os.set_blocking(1,False)
n=0
while select.select([],[1],[],1)[1]: n+=os.write(1,b'\\xff'*4096)
open('swallowed','w').write(str(n))";
    project.write("flood.py", flood);
    let args = ["-p", "build", "--terminal", "safe", "--", "python3", "flood.py"];
    let mut terminal = Terminal::start(&project, &binary(), &args);
    let waited = finish(project.outside("sh", &["-c", "until [ -s swallowed ]; do sleep 0.05; done; cat swallowed"]));
    assert!(waited.ok().parse::<usize>().unwrap() < 1 << 20, "{}", waited.text());
    assert_eq!(terminal.ends().code(), Some(0));
}
