//! `sandbox profile init`: a first profile, to be read and changed.

use super::run::refuse_set_id;
use crate::error::Error;
use crate::host::new_file;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

/// What a project is known by, and the built-in profile for it; the first that is there counts.
const MANIFESTS: [(&str, &str); 4] =
    [("Cargo.toml", "rust"), ("package.json", "node"), ("pyproject.toml", "python"), ("setup.py", "python")];

/// Writes it for the project in the current directory; returns what to type next.
///
/// # Errors
/// There is such a file already, or it cannot be made.
pub fn init(file: &Path) -> Result<String, Error> {
    refuse_set_id()?;
    let name = argument(file)?;
    let Some(fd) = new_file(file)? else {
        return Err(Error::usage(format!("{} exists already, and is left as it is", file.display()))
            .path(file)
            .remedy("Name another file, or move that one away"));
    };
    File::from(fd).write_all(starter(base(Path::new("."))).as_bytes()).map_err(|error| {
        // Half a profile would be in the way of the next attempt; if it cannot be taken away, the error says enough.
        let _ = fs::remove_file(file);
        Error::host(format!("{} cannot be written: {error}", file.display())).path(file).remedy("Make room for it")
    })?;
    Ok(format!("sandbox -p {name} -- COMMAND\n"))
}

/// The built-in profile that fits the project in `directory`.
fn base(directory: &Path) -> &'static str {
    MANIFESTS.iter().find(|(manifest, _)| directory.join(manifest).exists()).map_or("build", |(_, base)| base)
}

/// `file` as `-p` takes it and a shell reads it.
fn argument(file: &Path) -> Result<String, Error> {
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%,".contains(c);
    let text = file.to_str().filter(|text| !text.is_empty() && !text.contains(char::is_control));
    let text = text.ok_or_else(|| Error::usage(format!("{file:?} is no name for a profile")).remedy("Name a file"))?;
    let text = if text.contains('/') { text.to_string() } else { format!("./{text}") };
    Ok(if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) })
}

fn starter(base: &str) -> String {
    format!(
        "\
# What a command may see and use here: sandbox explain -p THIS-FILE -- COMMAND
# What it starts from: sandbox profile show {base} --resolved
extends: [{base}]

# Nothing else of the host is there. Examples, to be uncommented:
# mounts:
#   - rw: ~/.cache/ccache            # a directory to write to
#     create: true
#   - ro: ${{PWD}}/.git/hooks          # a part of the project that stays as it is
#     optional: true
#   - hide: ${{PWD}}/.env              # one that cannot be read
#     optional: true
# environment:
#   keep: [CCACHE_DIR]
# limits: {{wall_time: 30m, pids: 1024}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::text;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_built_in_is_that_of_the_manifest_in_the_project() {
        for (manifest, expected) in MANIFESTS.into_iter().chain([("Makefile", "build")]) {
            let project = tempfile::tempdir().unwrap();
            fs::write(project.path().join(manifest), "").unwrap();
            assert_eq!(base(project.path()), expected, "{manifest}");
        }
    }

    #[test]
    fn a_starter_is_a_good_profile_with_and_without_its_examples() {
        for base in ["rust", "node", "python", "build"] {
            let text = starter(base);
            let examples = text.find("# mounts").unwrap();
            let all = text[..examples].to_string() + &text[examples..].replace("\n# ", "\n")[2..];
            for text in [&text, &all] {
                let layer = text::parse(text.as_bytes(), "sandbox.yaml", None).unwrap();
                assert_eq!(layer.profile.extends, [base]);
                assert_eq!(layer.profile.mounts.len(), if *text == all { 3 } else { 0 });
            }
        }
    }

    #[test]
    fn what_is_there_already_is_not_overwritten_nor_is_a_link_followed() {
        let root = tempfile::tempdir().unwrap();
        let (file, link, target) = (root.path().join("a.yaml"), root.path().join("l.yaml"), root.path().join("t"));
        fs::write(&file, "mine").unwrap();
        symlink(&target, &link).unwrap();
        for taken in [&file, &link] {
            assert!(init(taken).unwrap_err().to_string().contains("exists already"), "{taken:?}");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        assert!(!target.exists());
    }

    #[test]
    fn the_command_to_type_next_can_be_pasted() {
        let say = |file: &str| argument(Path::new(file)).unwrap();
        assert_eq!(say("sandbox.yaml"), "./sandbox.yaml");
        assert_eq!(say("/etc/a.yaml"), "/etc/a.yaml");
        assert_eq!(say("it's $x.yaml"), r"'./it'\''s $x.yaml'");
        assert!(argument(Path::new("")).is_err() && argument(Path::new("a\nb")).is_err());
    }
}
