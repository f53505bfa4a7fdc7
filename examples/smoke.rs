#![allow(missing_docs)]
use sandbox::plan::*;
use sandbox::profile::Origin;
use std::path::PathBuf;
fn main() {
    let uid = nix::unistd::getuid().as_raw();
    let m = |at: &str, kind| Mount { at: at.into(), kind, origin: Origin::default() };
    let bind = |src: &str, w: bool, dir: bool, role| MountKind::Bind(Bind { source: SourcePath { base: src.into(), below: PathBuf::new() }, writable: w, noexec: false, directory: dir, role, id_mapped: w && dir });
    let t = |s: u64, mode| MountKind::Tmpfs(Tmpfs { size: s, inodes: 1000, mode, noexec: false });
    let cwd = std::env::current_dir().unwrap();
    let cwds = cwd.to_str().unwrap();
    let mut mounts = vec![
        m("/usr", bind("/usr", false, true, BindRole::Tree)),
        m("/bin", MountKind::Symlink("usr/bin".into())), m("/lib", MountKind::Symlink("usr/lib".into())), m("/lib64", MountKind::Symlink("usr/lib64".into())),
        m("/proc", MountKind::Proc), m("/dev/null", bind("/dev/null", true, false, BindRole::Device)), m("/dev/pts", MountKind::Devpts), m("/dev/tty", bind("/dev/tty", true, false, BindRole::Device)),
        m("/tmp", t(1 << 20, 0o1777)), m("/etc/passwd", MountKind::File(File { content: b"root:x:0:0::/:/bin/sh\n".to_vec(), mode: 0o644 })),
        m(cwds, bind(cwds, true, true, BindRole::Tree)),
    ];
    mounts.sort_by(|a, b| a.at.cmp(&b.at));
    let argv: Vec<_> = std::env::args_os().skip(1).collect();
    let root = uid == 0;
    let plan = Plan {
        profiles: vec![], command: Command { candidates: vec![PathBuf::from("/usr/bin").join(&argv[0])], argv, found: None }, hostname: "sandbox".into(), workdir: cwd.clone(),
        user: User { uid: 0, gid: 0, outside_uid: if root { 1900000000 } else { uid }, outside_gid: if root { 1900000000 } else { nix::unistd::getgid().as_raw() }, mapped_by_root: root },
        environment: Environment { variables: vec![("PATH".into(), "/usr/bin".into())], ..Default::default() }, mounts, watch: vec![], create: vec![], notices: vec![], network: NetworkMode::None,
        limits: Limits { pids: Some(100), ..Default::default() }, features: Features::default(), seccomp: Seccomp { policy: SeccompPolicy::Default, on_deny: OnDeny::Errno, allow: vec![], deny: vec![] },
        landlock: Landlock { mode: Enforcement::Prefer, min_abi: 1 }, capabilities: vec![], pass_fds: vec![], terminal: TerminalMode::Raw, root: Tmpfs { size: 16 << 20, inodes: 1000, mode: 0o755, noexec: false },
    };
    let prepared = match sandbox::prepare::prepare(&plan) { Ok(p) => p, Err(e) => { eprintln!("{e}"); std::process::exit(125) } };
    let o = sandbox::host::run(&prepared, &Default::default());
    if let Some(e) = &o.error { eprintln!("sandbox: {e}"); }
    std::process::exit(o.sandbox_exit_code(&[]) as i32)
}
