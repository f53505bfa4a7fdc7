//! Asks the filter of a sandbox about system calls: the one that is installed, through the kernel, and the same once more
//! through the interpreter of the unit tests. The two must agree on each call.

use super::interpreter;
use crate::harness::{Project, attack, feed};
use nix::errno::Errno;
use nix::libc::{SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS};
use sandbox::layers::seccomp::{Arch, Cores, compile};
use sandbox::plan::{Features, OnDeny, Seccomp, SeccompPolicy};
use std::fmt::Write;

/// `AUDIT_ARCH_I386` of linux/audit.h.
const I386: u32 = 0x4000_0003;

/// The program's word for a kernel without the i386 entry.
pub const NO_SUCH_GATE: &str = "no such gate";

/// A system call that is asked about and never carried out. The sixth argument is the asking program's own.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub number: u32,
    pub arguments: [u64; 5],
    /// Through int $0x80, where a number means another call.
    pub i386: bool,
}

/// What the command line asks for, and the same as the plan has it.
pub struct Setting {
    pub flags: Vec<&'static str>,
    pub seccomp: Seccomp,
    pub features: Features,
}

impl Setting {
    /// `--seccomp POLICY`
    pub fn policy(name: &'static str, policy: SeccompPolicy) -> Self {
        let seccomp = Seccomp { policy, on_deny: OnDeny::Errno, allow: vec![], deny: vec![] };
        Setting { flags: vec!["--seccomp", name], seccomp, features: Features::default() }
    }

    /// `--feature NAME`
    pub fn feature(name: &'static str, grant: fn(&mut Features)) -> Self {
        let mut setting = Setting::policy("default", SeccompPolicy::Default);
        setting.flags.extend(["--feature", name]);
        grant(&mut setting.features);
        setting
    }

    /// `--seccomp-on-deny kill`
    pub fn kill() -> Self {
        let mut setting = Setting::policy("default", SeccompPolicy::Default);
        setting.flags.extend(["--seccomp-on-deny", "kill"]);
        setting.seccomp.on_deny = OnDeny::Kill;
        setting
    }

    /// The answer to each of `calls`: "allowed", an errno's name, "pretended", "killed" or [`NO_SUCH_GATE`].
    #[track_caller]
    pub fn ask(&self, calls: &[Call]) -> Vec<String> {
        let answers = self.kernel(calls);
        let program =
            compile(&self.seccomp, &self.features, Cores::None, Arch::native()).unwrap().map(|filter| filter.program);
        for (call, answer) in calls.iter().zip(&answers).filter(|(_, answer)| *answer != NO_SUCH_GATE) {
            let expected = program.as_ref().map_or("allowed".into(), |program| interpreted(program, call));
            assert_eq!(
                *answer, expected,
                "the kernel's answer and the interpreter's to {call:x?} with {:?}",
                self.flags
            );
        }
        answers
    }

    fn kernel(&self, calls: &[Call]) -> Vec<String> {
        let project = Project::new();
        attack!(project, "every_call");
        let mut input = String::new();
        for Call { number, arguments: [a, b, c, d, e], i386 } in calls {
            let gate = if *i386 { "i386" } else { "native" };
            writeln!(input, "{gate} {number} {a:x} {b:x} {c:x} {d:x} {e:x}").unwrap();
        }
        let command = project.sandbox(&[&["-p", "default"], &*self.flags, &["--", "./every_call"]].concat());
        let answers: Vec<_> = feed(command, input.as_bytes()).ok().lines().map(String::from).collect();
        assert_eq!(answers.len(), calls.len());
        answers
    }
}

fn interpreted(program: &[seccompiler::sock_filter], call: &Call) -> String {
    let [a, b, c, d, e] = call.arguments;
    let audit = match Arch::native() {
        _ if call.i386 => I386,
        Arch::X86_64 => 0xC000_003E,
        Arch::Aarch64 => 0xC000_00B7,
    };
    let asked = interpreter::Call { number: call.number, architecture: audit, arguments: [a, b, c, d, e, 0] };
    match interpreter::run(program, asked).0 {
        SECCOMP_RET_ALLOW => "allowed".into(),
        SECCOMP_RET_KILL_PROCESS => "killed".into(),
        SECCOMP_RET_ERRNO => "pretended".into(),
        answer => format!("{:?}", Errno::from_raw((answer ^ SECCOMP_RET_ERRNO).cast_signed())),
    }
}
