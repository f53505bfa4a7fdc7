//! `sandbox profile list | show | check | diff`: what there is, what it says, what is wrong with it.

mod diff;

use crate::error::Error;
use crate::profile::schema::{Cgroup, Features, Landlock, Limits, Network, Profile, Root, Seccomp, User, each_limit};
use crate::profile::{Layer, Located, Merged, Origin, Shelves, events, text};
use crate::visible;
use std::collections::BTreeMap;

pub use diff::diff;

/// Every name, where it is found, and the first line of its description.
pub fn list(shelves: &Shelves) -> String {
    let rows = shelves.list().into_iter().map(|(name, path)| {
        let place = path.map_or("built-in".into(), |path| path.display().to_string());
        let layer = shelves
            .find(&name, None)
            .map_err(|error| vec![error])
            .and_then(|found| text::parse(&found.bytes, &found.label, found.directory()));
        let about = match layer {
            Ok(layer) => layer.profile.description.and_then(|text| text.lines().next().map(str::to_string)),
            Err(errors) => Some(format!("error: {}", errors[0])),
        };
        (visible::line(&name), visible::line(&place), visible::line(&about.unwrap_or_default()))
    });
    let rows: Vec<(String, String, String)> = rows.collect();
    let widest = |column: fn(&(String, String, String)) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let (name_width, place_width) = (widest(|row| row.0.len()), widest(|row| row.1.len()));
    rows.iter()
        .map(|(name, place, about)| {
            format!("{name:name_width$}  {place:place_width$}  {about}").trim_end().to_string() + "\n"
        })
        .collect()
}

/// The text of a profile as it is written.
///
/// # Errors
/// It is not found.
pub fn show(shelves: &Shelves, name: &str) -> Result<String, Error> {
    shelves.find(name, None).map(|found| String::from_utf8_lossy(&found.bytes).into_owned())
}

/// One profile with all that it extends, as a profile of its own; after each entry, who wrote it.
///
/// # Errors
/// It, or one that it extends, is not found or wrong.
pub fn resolved(shelves: &Shelves, name: &str) -> Result<String, Error> {
    let merged = shelves.load(&[name.into()], None)?;
    let layer = flatten(&merged);
    let yaml = text::write(&layer.profile).map_err(|error| Error::profile(format!("cannot be written: {error}")))?;
    let places = events::index(&yaml, &|_, _| Origin::default()).places;
    let mut notes: BTreeMap<usize, String> = BTreeMap::new();
    for (path, place) in &places {
        if let Some(origin) = layer.origins.get(path) {
            let line = origin.position().map(|(line, _)| format!(":{line}")).unwrap_or_default();
            notes.insert(place.key.0, format!("  # {}{line}", visible::line(&origin.source)));
        }
    }
    // A path with a line end in it would be more than a comment.
    let sources = merged
        .sources
        .iter()
        .map(|s| format!("# {} ({}) sha256 {}\n", visible::line(&s.name), visible::line(&s.source), s.sha256));
    let lines = yaml.lines().enumerate().map(|(i, line)| {
        let note = notes.get(&(i + 1)).map(String::as_str).unwrap_or_default();
        format!("{line}{note}\n")
    });
    let drops = merged.environment.len() > 1 && merged.environment.iter().any(|layer| !layer.drop.is_empty());
    let order = if drops {
        "# environment: in a run, each profile keeps, drops and sets before the next one does\n"
    } else {
        ""
    };
    Ok(sources.chain([order.to_string()]).chain(lines).collect())
}

/// Every error in these files and in what they extend; empty if they are good.
pub fn check(shelves: &Shelves, files: &[String]) -> Vec<Error> {
    files.iter().filter_map(|file| shelves.layers(std::slice::from_ref(file)).err()).flatten().collect()
}

/// Collects values with their origins under the path each has in a profile.
struct Flat(BTreeMap<String, Origin>);

impl Flat {
    fn one<T: Clone>(&mut self, path: &str, value: &Option<Located<T>>) -> Option<T> {
        value.as_ref().map(|located| {
            self.0.insert(path.into(), located.origin.clone());
            located.value.clone()
        })
    }

    fn list<T: Clone>(&mut self, path: &str, values: &[Located<T>]) -> Vec<T> {
        let origins = values.iter().enumerate().map(|(i, item)| (format!("{path}[{i}]"), item.origin.clone()));
        self.0.extend(origins);
        values.iter().map(|item| item.value.clone()).collect()
    }
}

/// `Struct { field: flat.one("prefix.field", &from.field), … }`
macro_rules! each {
    ($type:ident, $flat:expr, $prefix:literal, $from:expr, $($field:ident),*) => {
        $type { $($field: $flat.one(concat!($prefix, ".", stringify!($field)), &$from.$field)),* }
    };
}

/// A merged profile as a single one.
fn flatten(m: &Merged) -> Layer {
    let mut flat = Flat(BTreeMap::new());
    let mut profile = Profile {
        description: m.sources.last().and_then(|source| source.description.clone()),
        command: flat.one("command", &m.command),
        hostname: flat.one("hostname", &m.hostname),
        workdir: flat.one("workdir", &m.workdir),
        user: User {
            uid: flat.one("user.uid", &m.uid),
            gid: flat.one("user.gid", &m.gid),
            map: flat.one("user.map", &m.map),
            outside: flat.one("user.outside", &m.outside),
        },
        mounts: m.mounts.iter().map(|mount| mount.value.clone()).collect(),
        root: each!(Root, flat, "root", m.root, path, name, writable, size),
        network: Network { mode: flat.one("network.mode", &m.network) },
        limits: each_limit!(each!(Limits, flat, "limits", m.limits)),
        features: each!(
            Features,
            flat,
            "features",
            m.features,
            userns,
            ptrace,
            io_uring,
            perf,
            keyring,
            numa,
            personality,
            set_id_bits
        ),
        seccomp: Seccomp {
            policy: flat.one("seccomp.policy", &m.seccomp_policy),
            on_deny: flat.one("seccomp.on_deny", &m.seccomp_on_deny),
            allow: flat.list("seccomp.allow", &m.seccomp_allow),
            deny: flat.list("seccomp.deny", &m.seccomp_deny),
        },
        landlock: Landlock {
            mode: flat.one("landlock.mode", &m.landlock_mode),
            min_abi: flat.one("landlock.min_abi", &m.landlock_min_abi),
        },
        cgroup: Cgroup { mode: flat.one("cgroup.mode", &m.cgroup) },
        capabilities: flat.list("capabilities", &m.capabilities),
        pass_fds: flat.list("pass_fds", &m.pass_fds),
        terminal: flat.one("terminal", &m.terminal),
        ..Profile::default()
    };
    for (i, mount) in m.mounts.iter().enumerate() {
        // YAML puts the keys of a mount in the order of its fields, the kind first.
        let kind = mount.value.keys().first().copied().unwrap_or_default();
        flat.0.insert(format!("mounts[{i}].{kind}"), mount.origin.clone());
    }
    let environment = &mut profile.environment;
    for layer in &m.environment {
        for (path, from, to) in
            [("keep", &layer.keep, &mut environment.keep), ("drop", &layer.drop, &mut environment.drop)]
        {
            for name in from {
                flat.0.insert(format!("environment.{path}[{}]", to.len()), layer.origin.clone());
                to.push(name.clone());
            }
        }
        for (name, value) in &layer.set {
            flat.0.insert(format!("environment.set.{name}"), layer.origin.clone());
            environment.set.insert(name.clone(), value.clone());
        }
    }
    Layer { profile, origins: flat.0, source: None }
}

#[cfg(test)]
mod tests;
