//! Layers on top of each other, by the rules of the profile reference: the last wins, per key, or lists append.

use super::schema::each_limit;
use super::{EnvironmentLayer, Features, Layer, Limits, Located, Merged, Origin, Root, Source};

impl Layer {
    /// Who wrote an entry; for one that is not there, its nearest parent that is.
    pub fn origin(&self, path: &str) -> Origin {
        if let Some(Source { path: None, name, .. }) = &self.source {
            return Origin { source: name.clone(), key: path.into(), ..Origin::default() };
        }
        let mut parent = path;
        loop {
            match (self.origins.get(parent), parent.rfind(['.', '['])) {
                (Some(origin), _) => return origin.clone(),
                (None, Some(end)) => parent = &parent[..end],
                (None, None) => return self.origins.get("").cloned().unwrap_or_default(),
            }
        }
    }

    fn one<T: Clone>(&self, path: &str, value: &Option<T>) -> Option<Located<T>> {
        value.as_ref().map(|value| Located { value: value.clone(), origin: self.origin(path) })
    }

    fn list<T: Clone>(&self, path: &str, values: &[T]) -> Vec<Located<T>> {
        let located =
            |(i, value): (usize, &T)| Located { value: value.clone(), origin: self.origin(&format!("{path}[{i}]")) };
        values.iter().enumerate().map(located).collect()
    }
}

/// `Struct { field: layer.one("prefix.field", &from.field), … }`
macro_rules! each {
    ($type:ident, $layer:expr, $prefix:literal, $from:expr, $($field:ident),*) => {
        $type { $($field: $layer.one(concat!($prefix, ".", stringify!($field)), &$from.$field)),* }
    };
}

impl From<&Layer> for Merged {
    /// One layer by itself.
    fn from(layer: &Layer) -> Merged {
        let p = &layer.profile;
        let mut merged = Merged {
            sources: layer.source.iter().cloned().collect(),
            command: layer.one("command", &p.command),
            hostname: layer.one("hostname", &p.hostname),
            workdir: layer.one("workdir", &p.workdir),
            uid: layer.one("user.uid", &p.user.uid),
            gid: layer.one("user.gid", &p.user.gid),
            map: layer.one("user.map", &p.user.map),
            outside: layer.one("user.outside", &p.user.outside),
            environment: Vec::new(),
            mounts: p
                .mounts
                .iter()
                .enumerate()
                .map(|(i, mount)| {
                    let kind = mount.keys().first().copied().unwrap_or_default();
                    Located { value: mount.clone(), origin: layer.origin(&format!("mounts[{i}].{kind}")) }
                })
                .collect(),
            root: each!(Root, layer, "root", p.root, path, name, writable, size),
            network: layer.one("network.mode", &p.network.mode),
            limits: each_limit!(each!(Limits, layer, "limits", p.limits)),
            features: each!(
                Features,
                layer,
                "features",
                p.features,
                userns,
                ptrace,
                io_uring,
                perf,
                keyring,
                numa,
                personality,
                set_id_bits
            ),
            seccomp_policy: layer.one("seccomp.policy", &p.seccomp.policy),
            seccomp_on_deny: layer.one("seccomp.on_deny", &p.seccomp.on_deny),
            seccomp_allow: Vec::new(),
            seccomp_deny: Vec::new(),
            landlock_mode: layer.one("landlock.mode", &p.landlock.mode),
            landlock_min_abi: layer.one("landlock.min_abi", &p.landlock.min_abi),
            cgroup: layer.one("cgroup.mode", &p.cgroup.mode),
            capabilities: Vec::new(),
            pass_fds: Vec::new(),
            terminal: layer.one("terminal", &p.terminal),
        };
        append(&mut merged.seccomp_allow, layer.list("seccomp.allow", &p.seccomp.allow));
        append(&mut merged.seccomp_deny, layer.list("seccomp.deny", &p.seccomp.deny));
        append(&mut merged.capabilities, layer.list("capabilities", &p.capabilities));
        append(&mut merged.pass_fds, layer.list("pass_fds", &p.pass_fds));
        if p.environment != Default::default() {
            merged.environment.push(EnvironmentLayer {
                keep: p.environment.keep.clone(),
                drop: p.environment.drop.clone(),
                set: p.environment.set.clone().into_iter().collect(),
                origin: layer.origin("environment"),
            });
        }
        merged
    }
}

/// `$base.$field = $top.$field` for the fields that `$top` sets.
macro_rules! last_wins {
    ($base:expr, $top:expr, $($field:ident).+ $(, $($more:ident).+)*) => {
        if $top.$($field).+.is_some() {
            $base.$($field).+ = $top.$($field).+;
        }
        $(last_wins!($base, $top, $($more).+);)*
    };
}

impl Merged {
    /// This with another layer on top of it.
    pub fn under(mut self, top: Merged) -> Merged {
        self.sources.extend(top.sources);
        if top.root.path.is_some() || top.root.name.is_some() {
            (self.root.path, self.root.name) = (None, None);
        }
        last_wins!(
            self,
            top,
            command,
            hostname,
            workdir,
            uid,
            gid,
            map,
            outside,
            root.path,
            root.name,
            root.writable,
            root.size,
            network,
            seccomp_policy,
            seccomp_on_deny,
            landlock_mode,
            landlock_min_abi,
            cgroup,
            terminal
        );
        each_limit!(last_wins!(self.limits, top.limits));
        last_wins!(
            self,
            top,
            features.userns,
            features.ptrace,
            features.io_uring,
            features.perf,
            features.keyring,
            features.numa,
            features.personality,
            features.set_id_bits
        );
        append(&mut self.seccomp_allow, top.seccomp_allow);
        append(&mut self.seccomp_deny, top.seccomp_deny);
        append(&mut self.capabilities, top.capabilities);
        append(&mut self.pass_fds, top.pass_fds);
        self.environment.extend(top.environment);
        self.mounts.extend(top.mounts);
        self
    }
}

/// Appends what is not there yet: the first to ask keeps its origin.
fn append<T: PartialEq>(list: &mut Vec<Located<T>>, more: Vec<Located<T>>) {
    for item in more {
        if !list.iter().any(|known| known.value == item.value) {
            list.push(item);
        }
    }
}

#[cfg(test)]
mod tests;
