//! Where a profile is found: a path is a file, a bare word is a name. Nothing is ever looked up in the current directory.

use super::{builtin, text::MAX_BYTES, wording::nearest};
use crate::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The directories that names are looked up in, the nearest to the user first; then come the built-ins.
#[derive(Debug, Clone, Default)]
pub struct Shelves {
    /// The user's, then the machine's.
    pub directories: Vec<PathBuf>,
}

/// A profile that was found, and read.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// `build`, `cc`: the name without directory and suffix.
    pub name: String,
    /// Where, as messages call it: `build`, `./cc.yaml`.
    pub label: String,
    /// Its file; none for a built-in.
    pub path: Option<PathBuf>,
    /// How deep in the shelves a *name* was found: what extends its own name goes on one further down.
    pub shelf: Option<usize>,
    /// What it says.
    pub bytes: Vec<u8>,
}

impl Found {
    /// `${PROFILE_DIR}`, from which `extends` counts paths; a descriptor has none.
    pub fn directory(&self) -> Option<&Path> {
        let path = self.path.as_deref()?;
        let descriptor = ["/dev/fd", "/proc/self/fd"].iter().any(|dir| path.starts_with(dir)) || path == "/dev/stdin";
        if descriptor { None } else { path.parent() }
    }

    /// Equal for equal profiles, however they were named.
    pub fn identity(&self) -> String {
        match &self.path {
            Some(path) => path.canonicalize().unwrap_or_else(|_| path.clone()).to_string_lossy().into_owned(),
            None => format!("built-in {}", self.name),
        }
    }
}

/// As in a shell: a slash or a suffix makes it a file.
pub fn is_path(name: &str) -> bool {
    name.contains('/') || name.ends_with(".yaml") || name.ends_with(".yml")
}

impl Shelves {
    /// `$XDG_CONFIG_HOME/sandbox/profiles` or `~/.config/sandbox/profiles`, then `/etc/sandbox/profiles`.
    pub fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// A relative path in a variable is ignored, as the base directory specification has it.
    fn from_variables(get: impl Fn(&str) -> Option<OsString>) -> Self {
        let absolute = |name: &str| get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
        let user = config.map(|config| config.join("sandbox/profiles"));
        Shelves { directories: user.into_iter().chain(["/etc/sandbox/profiles".into()]).collect() }
    }

    /// Finds a profile that the command line names (`by: None`) or that another one extends.
    ///
    /// # Errors
    /// It is not there or cannot be read; with the nearest name.
    pub fn find(&self, name: &str, by: Option<&Found>) -> Result<Found, Error> {
        if !is_path(name) {
            let first = match by {
                Some(by) if by.path.is_none() => self.directories.len(),
                Some(by) if by.name == name => by.shelf.map_or(0, |shelf| shelf + 1),
                _ => 0,
            };
            return self.by_name(name, first);
        }
        match by {
            None => self.by_path(name, Path::new(name)),
            Some(by) => match by.directory() {
                Some(directory) => {
                    let path = directory.join(name);
                    self.by_path(&path.to_string_lossy(), &path)
                }
                None if Path::new(name).is_absolute() => self.by_path(name, Path::new(name)),
                None => Err(Error::profile(format!("{} is in no directory, from which {name} could count", by.label))
                    .remedy("Name it by its absolute path")),
            },
        }
    }

    fn by_name(&self, name: &str, first: usize) -> Result<Found, Error> {
        for (shelf, directory) in self.directories.iter().enumerate().skip(first) {
            let path = directory.join(format!("{name}.yaml"));
            match File::open(&path) {
                Ok(file) => {
                    let label = path.to_string_lossy().into_owned();
                    let bytes = read(file, &label)?;
                    return Ok(Found { name: name.into(), label, path: Some(path), shelf: Some(shelf), bytes });
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(&path.to_string_lossy(), &error)),
            }
        }
        if let Some(text) = builtin::text(name) {
            let shelf = Some(self.directories.len());
            return Ok(Found { name: name.into(), label: name.into(), path: None, shelf, bytes: text.into() });
        }
        let error = Error::profile(format!("no profile {name:?}"));
        let names: Vec<String> = self.list().into_iter().map(|(name, _)| name).collect();
        Err(match nearest(name, names.iter().map(String::as_str)) {
            Some(near) if near != name => error.remedy(format!("Did you mean {near:?}?")),
            _ => error.remedy(format!("There are {}; a file is named with a slash: ./{name}.yaml", names.join(", "))),
        })
    }

    fn by_path(&self, label: &str, path: &Path) -> Result<Found, Error> {
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
                let directory = absolute.parent().unwrap_or(Path::new("/")).display();
                let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                let error = Error::profile(format!("no file {file} in {directory}"));
                let known = builtin::text(&name).is_some();
                return Err(if known {
                    error.remedy(format!("The built-in profile is --profile {name}"))
                } else {
                    error
                });
            }
            Err(error) => return Err(unreadable(label, &error)),
        };
        let bytes = read(file, label)?;
        let path = std::path::absolute(path).map_err(|error| unreadable(label, &error))?;
        let label = label.strip_prefix("./").unwrap_or(label).to_string();
        // A file that lies on a shelf is the same profile, whether it was named by path or by name.
        let shelf = self.directories.iter().position(|directory| path.parent() == Some(directory));
        Ok(Found { name, label, path: Some(path), shelf, bytes })
    }

    /// Every name there is, with the file it is found in (none: built-in); a name on two shelves is listed once.
    pub fn list(&self) -> Vec<(String, Option<PathBuf>)> {
        let mut all: Vec<(String, Option<PathBuf>)> = Vec::new();
        for directory in &self.directories {
            let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
            let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
            paths.retain(|path| path.extension().is_some_and(|suffix| suffix == "yaml"));
            paths.sort();
            let named = |path: PathBuf| Some((path.file_stem()?.to_str()?.to_string(), Some(path)));
            all.extend(paths.into_iter().filter_map(named));
        }
        all.extend(builtin::BUILT_IN.iter().map(|(name, _)| (name.to_string(), None)));
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|(name, _)| seen.insert(name.clone()));
        all
    }
}

/// One byte more than allowed, so that the reader of the text can refuse it.
fn read(file: File, label: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(label, &error))?;
    Ok(bytes)
}

fn unreadable(label: &str, error: &std::io::Error) -> Error {
    let reason = error.to_string();
    let reason = reason.split(" (os error").next().unwrap_or_default().to_lowercase();
    let unreadable = Error::profile(format!("cannot read the profile {label}: {reason}")).path(label);
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            unreadable.remedy("Give yourself access to it; if the directory is another user's, set HOME to your own")
        }
        _ => unreadable,
    }
}

#[cfg(test)]
mod tests;
