//! Flags → the layer on top of all profiles; an entry's origin is its flag.

use super::options::RunOptions;
use crate::error::{Error, ErrorKind};
use crate::profile::schema::{self, Mount, Profile};
use crate::profile::{Layer, Origin, check, text, wording};
use clap::ArgMatches;

/// The flag of each key, where it is not the last word of it.
const FLAGS: &[(&str, &str)] = &[
    ("command", "--"),
    ("environment", "--env"),
    ("features", "--feature"),
    ("network.mode", "--network"),
    ("root", "--root"),
    ("root.writable", "--root-writable"),
    ("root.size", "--root-size"),
    ("seccomp.policy", "--seccomp"),
    ("seccomp.on_deny", "--seccomp-on-deny"),
    ("seccomp.allow", "--seccomp-allow"),
    ("seccomp.deny", "--seccomp-deny"),
    ("landlock.mode", "--landlock"),
    ("landlock.min_abi", "--landlock-min-abi"),
    ("cgroup.mode", "--cgroup"),
    ("capabilities", "--capability"),
    ("pass_fds", "--pass-fd"),
    ("hostname", "--hostname"),
    ("workdir", "--workdir"),
    ("terminal", "--terminal"),
    ("user.uid", "--uid"),
    ("user.gid", "--gid"),
    ("user.map", "--map"),
    ("user.outside", "--outside"),
    ("limits.memory", "--memory"),
    ("limits.swap", "--swap"),
    ("limits.cpus", "--cpus"),
    ("limits.cpu_weight", "--cpu-weight"),
    ("limits.io_weight", "--io-weight"),
    ("limits.pids", "--pids"),
    ("limits.cpu_time", "--cpu-time"),
    ("limits.wall_time", "--wall-time"),
    ("limits.extra_time", "--extra-time"),
    ("limits.kill_after", "--kill-after"),
    ("limits.output", "--output"),
    ("limits.file_size", "--file-size"),
    ("limits.open_files", "--open-files"),
    ("limits.stack", "--stack"),
    ("limits.core", "--core"),
    ("limits.address_space", "--address-space"),
    ("limits.locked_memory", "--locked-memory"),
];

fn origin(flag: &str) -> Origin {
    Origin { source: flag.into(), is_flag: true, ..Origin::default() }
}

/// Everything in `options` that is a key of a profile.
pub fn layer(options: &RunOptions, matches: &ArgMatches) -> Result<Layer, Error> {
    let mut layer = Layer { profile: keys(options)?, ..Layer::default() };
    layer.origins.extend(FLAGS.iter().map(|(key, flag)| (key.to_string(), origin(flag))));
    for (i, (flag, mount)) in mounts(options, matches)?.into_iter().enumerate() {
        layer.profile.mounts.push(mount);
        layer.origins.insert(format!("mounts[{i}]"), origin(flag));
    }
    match check(&layer).into_iter().next() {
        Some(error) => Err(Error { kind: ErrorKind::Usage, ..error }),
        None => Ok(layer),
    }
}

fn keys(o: &RunOptions) -> Result<Profile, Error> {
    Ok(Profile {
        hostname: o.hostname.clone(),
        workdir: o.workdir.clone(),
        user: schema::User { uid: o.uid, gid: o.gid, map: o.map, outside: o.outside },
        environment: environment(o)?,
        root: root(o),
        network: schema::Network { mode: o.network },
        limits: schema::Limits {
            memory: o.memory,
            swap: o.swap,
            cpus: o.cpus,
            cpu_weight: o.cpu_weight,
            io_weight: o.io_weight,
            pids: o.pids,
            cpu_time: o.cpu_time,
            wall_time: o.wall_time,
            extra_time: o.extra_time,
            kill_after: o.kill_after,
            output: o.output,
            file_size: o.file_size,
            open_files: o.open_files,
            stack: o.stack,
            core: o.core,
            address_space: o.address_space,
            locked_memory: o.locked_memory,
        },
        features: features(&o.feature)?,
        seccomp: schema::Seccomp {
            policy: o.seccomp,
            on_deny: o.seccomp_on_deny,
            allow: o.seccomp_allow.clone(),
            deny: o.seccomp_deny.clone(),
        },
        landlock: schema::Landlock { mode: o.landlock, min_abi: o.landlock_min_abi },
        cgroup: schema::Cgroup { mode: o.cgroup },
        capabilities: o.capability.clone(),
        pass_fds: o.pass_fd.clone(),
        terminal: o.terminal,
        ..Profile::default()
    })
}

/// As a profile is named: with a slash it is a path, else a name.
fn root(o: &RunOptions) -> schema::Root {
    let (path, name) = o.root.iter().cloned().partition::<Vec<_>, _>(|root| root.contains('/'));
    schema::Root {
        path: path.into_iter().next(),
        name: name.into_iter().next(),
        writable: o.root_writable,
        size: o.root_size,
    }
}

fn environment(o: &RunOptions) -> Result<schema::Environment, Error> {
    let mut environment = schema::Environment { drop: o.drop_env.clone(), ..Default::default() };
    for entry in &o.env {
        match entry.split_once('=') {
            None if !entry.is_empty() => environment.keep.push(entry.clone()),
            // The shell has expanded what was to be expanded: the rest is meant as it stands.
            Some((name, value)) if !name.is_empty() => {
                environment.set.insert(name.into(), value.replace('$', "$$"));
            }
            _ => return Err(Error::usage(format!("{entry:?} has no name")).origin(&origin("--env"))),
        }
    }
    Ok(environment)
}

fn features(entries: &[String]) -> Result<schema::Features, Error> {
    let refused = |error: Error| Error { kind: ErrorKind::Usage, ..error }.origin(&origin("--feature"));
    let mut pairs = serde_yaml::Mapping::new();
    for entry in entries {
        let (name, value) = entry.split_once('=').unwrap_or((entry, "true"));
        let value: bool =
            value.parse().map_err(|_| refused(Error::usage(format!("{entry:?}: write NAME or NAME=false"))))?;
        pairs.insert(name.into(), value.into());
    }
    serde_yaml::from_value(pairs.into()).map_err(|error| {
        let what = error.to_string();
        let unknown = wording::unknown(&what, "unknown field ", "unknown feature");
        refused(unknown.map_or_else(|| Error::usage(&what), |(_, error)| error))
    })
}

/// In the order typed: of two for one destination the last wins, whatever their flags.
fn mounts(o: &RunOptions, matches: &ArgMatches) -> Result<Vec<(&'static str, Mount)>, Error> {
    let flags: [(&'static str, &Vec<String>); 8] = [
        ("--ro", &o.ro),
        ("--rw", &o.rw),
        ("--tmpfs", &o.tmpfs),
        ("--hide", &o.hide),
        ("--socket", &o.socket),
        ("--device", &o.device),
        ("--unset", &o.unset),
        ("--mount", &o.mount),
    ];
    let mut typed: Vec<(usize, &'static str, &String)> = Vec::new();
    for (flag, values) in flags {
        let indices = matches.indices_of(&flag[2..]).into_iter().flatten();
        typed.extend(indices.zip(values).map(|(index, value)| (index, flag, value)));
    }
    typed.sort_by_key(|(index, ..)| *index);
    typed.into_iter().map(|(_, flag, value)| Ok((flag, mount(flag, value)?))).collect()
}

fn mount(flag: &str, text: &str) -> Result<Mount, Error> {
    let wrong = |message: String| Error::usage(message).origin(&origin(flag));
    let (first, second) = match flag {
        "--mount" => return yaml(text),
        "--hide" | "--unset" => (text, None),
        _ => split(text).ok_or_else(|| {
            let example = format!("--mount '{{{}: \"/a:b\"}}'", &flag[2..]);
            wrong(format!("{text:?} has more than one :")).remedy(format!("A path with : goes through {example}"))
        })?,
    };
    if first.is_empty() || second == Some("") {
        return Err(wrong(format!("a path is missing in {text:?}")));
    }
    let (path, at) = (Some(first.to_string()), second.map(str::to_string));
    let none = Mount::default();
    Ok(match flag {
        "--ro" => Mount { ro: path, at, ..none },
        "--rw" => Mount { rw: path, at, ..none },
        "--socket" => Mount { socket: path, at, ..none },
        "--device" => Mount { device: path, at, ..none },
        "--hide" => Mount { hide: path, ..none },
        "--unset" => Mount { unset: path, ..none },
        _ => {
            let size = second.map(str::parse).transpose().map_err(|error| wrong(format!("{text:?}: {error}")))?;
            Mount { tmpfs: path, size, ..none }
        }
    })
}

/// At the one `:` that is not within `${…}`; `None` if there are more.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    let (mut depth, mut at) = (0usize, None);
    for (i, c) in text.char_indices() {
        match c {
            '{' if text[..i].ends_with('$') => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && at.is_some() => return None,
            ':' if depth == 0 => at = Some(i),
            _ => {}
        }
    }
    Some(at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..]))))
}

/// One mount, by the reader of profiles; places in the text mean nothing to who typed a flag.
fn yaml(text: &str) -> Result<Mount, Error> {
    let flag = origin("--mount");
    let read = text::parse(format!("mounts:\n- {text}\n").as_bytes(), "--mount", None);
    let mut layer = read.map_err(|mut errors| {
        let error = errors.swap_remove(0);
        Error { kind: ErrorKind::Usage, ..error }.origin(&flag)
    })?;
    let mounts = std::mem::take(&mut layer.profile.mounts);
    match <[Mount; 1]>::try_from(mounts) {
        Ok([mount]) if layer.profile == Profile::default() => Ok(mount),
        _ => Err(Error::usage("takes exactly one mount: '{ro: /a, optional: true}'").origin(&flag)),
    }
}
