//! The command: what is tried, where it is found, and what to say when it is not.

use super::walk::{self, End, Walk};
use super::{BindRole, Command, Environment, Mount, Plan, environment, lookup, paths};
use crate::error::{Error, ErrorKind};
use crate::profile::{Located, wording};
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// argv and the paths that execve(2) tries.
pub(super) fn resolve(
    typed: Vec<OsString>,
    written: Option<&Located<Vec<String>>>,
    environment: &Environment,
    mounts: &[Mount],
    workdir: &Path,
) -> Result<Command, Error> {
    let argv = match (typed.is_empty(), written) {
        (true, Some(written)) => written.value.iter().map(OsString::from).collect(),
        _ => typed,
    };
    let name = argv.first().filter(|name| !name.is_empty()).ok_or_else(no_command)?;
    let candidates: Vec<PathBuf> = if name.as_bytes().contains(&b'/') {
        vec![workdir.join(name).components().collect()]
    } else {
        environment::search_path(environment, mounts).iter().map(|directory| directory.join(name)).collect()
    };
    let is_there = |inside: &&PathBuf| {
        let Some((_, bind, rest)) = lookup::bind_of(mounts, &paths::normalise(inside)) else { return false };
        match bind.role {
            // Its links lead into it, and not where they lead on the host.
            BindRole::Root => matches!(walk::walk(mounts, inside, None).end, End::Host(found) if found.is_file()),
            _ => lookup::join(&bind.source.path(), &rest).is_file(),
        }
    };
    let found = candidates.iter().find(is_there).cloned();
    Ok(Command { argv, candidates, found })
}

fn no_command() -> Error {
    Error::usage("no command").remedy("Put it after --: sandbox -- make")
}

/// Why execve(2) found nothing, as far as the plan and the host can tell: for the moment when it said ENOENT.
pub fn not_found(plan: &Plan) -> Error {
    let name = plan.command.argv.first().map(OsString::as_os_str).unwrap_or_default();
    let shown = name.to_string_lossy();
    for candidate in &plan.command.candidates {
        let walk = walk::walk(&plan.mounts, candidate, None);
        match &walk.end {
            End::Host(_) | End::Own => return no_interpreter(plan, &shown, &walk.place),
            End::Free | End::Missing(_) if !walk.links.is_empty() && name.as_bytes().contains(&b'/') => {
                return leads_out(&shown, &walk);
            }
            End::Free | End::Missing(_) => {}
        }
    }
    if let Some(outside) = outside(plan, name) {
        if plan.root.writable.is_some() {
            let remedy = "Install it there, with --root-writable persistent";
            return exec(format!("{shown} exists on the host but not in the root file system"))
                .remedy(remedy)
                .path(&outside);
        }
        return exec(format!("{shown} exists here but not inside")).remedy(show(&outside)).path(&outside);
    }
    let error = exec(format!("{shown} is not found, neither inside nor outside"));
    match nearest(plan, &shown) {
        Some(near) => error.remedy(format!("Did you mean {near:?}?")),
        None => error.remedy("Check the name, and PATH in `sandbox explain`"),
    }
}

/// What to add for `file`: its directory, for it seldom comes alone, but not one that holds keys as well.
fn show(file: &Path) -> String {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let holds_keys = |directory: &Path| home.starts_with(directory) || directory == Path::new("/etc");
    let place = file.parent().filter(|directory| !holds_keys(directory)).unwrap_or(file);
    format!("Add --ro {}", place.display())
}

fn exec(message: String) -> Error {
    Error::new(ErrorKind::Exec, message)
}

/// `.venv/bin/python leads to /home/user/.local/share/uv/…, which is not inside`
fn leads_out(name: &str, walk: &Walk) -> Error {
    let target = walk.place.display();
    let error = exec(format!("{name} leads to {target}, which is not inside")).path(&walk.place);
    match walk.place.exists() {
        true => error.remedy(show(&walk.place)),
        false => error.remedy("Correct the link"),
    }
}

/// The file is there, so its interpreter is not: the name after `#!`, or the loader that an ELF file names.
fn no_interpreter(plan: &Plan, name: &str, place: &Path) -> Error {
    let host = plan.host_path(place);
    let head = host.as_deref().and_then(|host| head_of(host).ok()).unwrap_or_default();
    let Some((interpreter, kind)) = script_interpreter(&head).or_else(|| elf_interpreter(&head)) else {
        return exec(format!("{name} is inside, but Linux cannot find what it needs to start")).path(place);
    };
    let shown = interpreter.display();
    let error = exec(format!("{name} needs its {kind} {shown}, which is not inside")).path(&interpreter);
    if !interpreter.is_absolute() {
        error.remedy("Write an absolute path after #!")
    } else if interpreter.exists() {
        error.remedy(show(&interpreter))
    } else {
        error.remedy("It does not exist outside either: install it, or build the command for this system")
    }
}

/// Enough for the first line of a script and the program headers of an ELF file.
fn head_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    if path.metadata()?.is_file() {
        std::fs::File::open(path)?.take(4096).read_to_end(&mut head)?;
    }
    Ok(head)
}

/// execve(2), "Interpreter scripts".
fn script_interpreter(head: &[u8]) -> Option<(PathBuf, &'static str)> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let word = line.split(|byte| b" \t".contains(byte)).find(|word| !word.is_empty())?;
    Some((PathBuf::from(OsStr::from_bytes(word)), "interpreter"))
}

/// elf(5): the text of the PT_INTERP segment, of either class, in this machine's byte order.
fn elf_interpreter(head: &[u8]) -> Option<(PathBuf, &'static str)> {
    const PT_INTERP: u64 = 3;
    let rest = head.strip_prefix(b"\x7fELF")?;
    let wide = *rest.first()? == 2;
    let number = |at: usize, size: usize| -> Option<u64> {
        let bytes = head.get(at..at.checked_add(size)?)?;
        let mut value = [0; 8];
        value[..size].copy_from_slice(bytes);
        Some(u64::from_le_bytes(value))
    };
    let word = if wide { 8 } else { 4 };
    let table = number(if wide { 32 } else { 28 }, word)?;
    let entry_size = number(if wide { 54 } else { 42 }, 2)?;
    let count = number(if wide { 56 } else { 44 }, 2)?;
    let segment = (0..count)
        .map(|index| (table.saturating_add(index * entry_size)) as usize)
        .find(|at| number(*at, 4) == Some(PT_INTERP))?;
    let offset = number(segment.checked_add(if wide { 8 } else { 4 })?, word)? as usize;
    let text = head.get(offset..)?.split(|byte| *byte == 0).next()?;
    Some((PathBuf::from(OsStr::from_bytes(text)), "loader"))
}

/// The command as the caller would find it, without the sandbox.
fn outside(plan: &Plan, name: &OsStr) -> Option<PathBuf> {
    let runs = |path: &PathBuf| path.is_file();
    if name.as_bytes().contains(&b'/') {
        return plan.command.candidates.first().cloned().filter(runs);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(runs)
}

/// Of the commands that are inside.
fn nearest(plan: &Plan, name: &str) -> Option<String> {
    let directories = plan.command.candidates.iter().filter_map(|path| plan.host_path(path.parent()?));
    let entries = directories.filter_map(|directory| directory.read_dir().ok()).flatten();
    let names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    wording::nearest(Path::new(name).file_name()?.to_str()?, names.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::make;
    use crate::plan::testing::{World, located};
    use crate::profile::EnvironmentLayer;

    fn with_path(mut world: World, path: &str) -> World {
        let path = path.replace("ROOT", world.path("").to_str().unwrap());
        let set = vec![("PATH".to_owned(), path)];
        world.merged.environment.push(EnvironmentLayer { set, ..Default::default() });
        world
    }

    fn run(world: &World, argv: &[&str]) -> Plan {
        make(world.merged.clone(), argv.iter().map(OsString::from).collect(), &world.host).unwrap()
    }

    fn message(world: &World, name: &str) -> String {
        not_found(&run(world, &[name])).to_string().replace(world.path("").to_str().unwrap(), "ROOT")
    }

    #[test]
    fn a_name_is_looked_for_in_the_path_that_is_inside() {
        let world = World::new().file("sys/bin/make").directory("sys/sbin").mount("ro ROOT/sys");
        let world = with_path(world, "/nowhere:ROOT/sys/sbin:ROOT/sys/bin");
        let command = run(&world, &["make", "-j8"]).command;
        assert_eq!(command.candidates, [world.path("sys/sbin/make"), world.path("sys/bin/make")]);
        assert_eq!(command.found, Some(world.path("sys/bin/make")));
        assert_eq!(command.argv, ["make", "-j8"]);
    }

    #[test]
    fn a_name_with_a_slash_counts_from_the_working_directory() {
        let world = World::new().file("home/app/run").mount("ro ${PWD}");
        let command = run(&world, &["./run"]).command;
        assert_eq!(command.candidates, [world.path("home/app/run")]);
        assert_eq!(command.found, Some(world.path("home/app/run")));
    }

    #[test]
    fn the_profile_s_command_is_run_when_none_is_typed() {
        let mut world = World::new();
        world.merged.command = Some(located(vec!["make".into(), "test".into()]));
        assert_eq!(run(&world, &[]).command.argv, ["make", "test"]);
        assert_eq!(run(&world, &["sh"]).command.argv, ["sh"]);
    }

    #[test]
    fn no_command_at_all_is_a_usage_error() {
        let error = make(Default::default(), vec![], &World::new().host).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Usage);
        insta::assert_snapshot!(error, @"no command. Put it after --: sandbox -- make");
    }

    #[test]
    fn a_command_that_is_only_outside_says_how_to_bring_it_in() {
        let world = World::new().file("home/app/target/t-1").directory("work").mount("ro ROOT/work");
        let name = world.path("home/app/target/t-1");
        insta::assert_snapshot!(message(&world, name.to_str().unwrap()), @"ROOT/home/app/target/t-1 exists here but not inside. Add --ro ROOT/home/app/target");
    }

    #[test]
    fn nobody_is_told_to_show_a_directory_of_keys() {
        let home = PathBuf::from(std::env::var_os("HOME").expect("HOME"));
        for file in [home.join("tool"), "/etc/shadow".into(), "/tool".into()] {
            assert_eq!(show(&file), format!("Add --ro {}", file.display()));
        }
        assert_eq!(show(&home.join("bin/tool")), format!("Add --ro {}", home.join("bin").display()));
    }

    #[test]
    fn a_link_that_leads_out_says_where() {
        let world = World::new().file("home/uv/python3").directory("home/app/.venv/bin");
        let target = world.path("home/uv/python3");
        let world = world.symlink("home/app/.venv/bin/python", &target).mount("ro ${PWD}");
        insta::assert_snapshot!(message(&world, ".venv/bin/python"), @".venv/bin/python leads to ROOT/home/uv/python3, which is not inside. Add --ro ROOT/home/uv");
    }

    #[test]
    fn a_script_without_its_interpreter_says_which() {
        let world = World::new().mount("ro ${PWD}");
        std::fs::write(world.path("home/app/run"), "#! /opt/nowhere/tclsh -x\nputs hello\n").unwrap();
        insta::assert_snapshot!(message(&world, "./run"), @"./run needs its interpreter /opt/nowhere/tclsh, which is not inside. It does not exist outside either: install it, or build the command for this system");
    }

    #[test]
    fn a_program_without_its_loader_says_which() {
        let mut elf = vec![0u8; 64 + 56];
        elf[..5].copy_from_slice(b"\x7fELF\x02");
        (elf[32], elf[54], elf[56]) = (64, 56, 1);
        (elf[64], elf[64 + 8]) = (3, 120);
        elf.extend_from_slice(b"/lib/ld-musl-x86_64.so.1\0");
        let world = World::new().mount("ro ${PWD}");
        std::fs::write(world.path("home/app/run"), elf).unwrap();
        assert!(
            message(&world, "./run")
                .starts_with("./run needs its loader /lib/ld-musl-x86_64.so.1, which is not inside")
        );
    }

    #[test]
    fn a_broken_elf_file_is_no_panic() {
        for length in 0..80 {
            let mut elf = vec![0xffu8; length];
            let magic = b"\x7fELF\x02";
            let known = magic.len().min(length);
            elf[..known].copy_from_slice(&magic[..known]);
            let _ = elf_interpreter(&elf);
        }
    }

    #[test]
    fn a_mistyped_name_offers_the_nearest_inside() {
        let world = with_path(World::new().file("sys/bin/make-unusual-name").mount("ro ROOT/sys"), "ROOT/sys/bin");
        let message = message(&world, "make-unusal-name");
        assert!(message.ends_with("Did you mean \"make-unusual-name\"?"), "{message}");
    }
}
