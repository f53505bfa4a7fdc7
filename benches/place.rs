//! Where it all happens: a throw-away directory with the project, the C programs and the profiles; and the environment of what is measured.

use crate::Result;
use crate::helper::Helper;
use crate::options::Options;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What every part needs.
pub struct Place {
    /// The sandbox under test.
    pub sandbox: String,
    /// `floor.c`, or why there is none.
    pub floor: std::result::Result<String, String>,
    /// `inside.c`, or why there is none.
    pub inside: std::result::Result<String, String>,
    /// Reads and writes what the user may not.
    pub helper: Helper,
    /// How often.
    pub rounds: usize,
    /// How often what takes a tenth of a second.
    pub fewer: usize,
    /// How often what takes seconds.
    pub few: usize,
    dir: TempDir,
}

impl Place {
    /// Makes it; the project becomes the current directory.
    pub fn make(options: &Options) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("sandbox-bench-").tempdir()?;
        for name in ["project", "bin"] {
            fs::create_dir(dir.path().join(name))?;
        }
        let programs = dir.path().join("bin");
        let place = Place {
            sandbox: sandbox()?,
            floor: compile(&programs, "floor", include_str!("floor.c")),
            inside: compile(&programs, "inside", include_str!("inside.c")),
            helper: Helper::connect()?,
            rounds: options.rounds,
            fewer: options.fewer(),
            few: options.few(),
            dir,
        };
        std::env::set_current_dir(place.path("project"))?;
        Ok(place)
    }

    /// A name in the throw-away directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same, as an argument.
    pub fn word(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// The sandbox under test: the one that SANDBOX names (in the test bed there is no checkout), else that of this build.
pub fn sandbox() -> Result<String> {
    let sandbox = std::env::var("SANDBOX").unwrap_or_else(|_| env!("CARGO_BIN_EXE_sandbox").into());
    Ok(fs::canonicalize(&sandbox).map_err(|e| format!("{sandbox}: {e}"))?.display().to_string())
}

/// Is it that of this build?
pub fn is_of_this_build() -> bool {
    std::env::var_os("SANDBOX").is_none()
}

/// A static program from `source`; the one beside this program where there is no compiler, as in the test bed.
fn compile(to: &Path, name: &str, source: &str) -> std::result::Result<String, String> {
    let (program, text) = (to.join(name), to.join(format!("{name}.c")));
    let beside = std::env::current_exe().ok().map(|exe| exe.with_file_name(name)).filter(|beside| beside.is_file());
    if let Some(made) = beside {
        fs::copy(made, &program).map_err(|e| e.to_string())?;
        return Ok(program.display().to_string());
    }
    fs::write(&text, source).map_err(|e| e.to_string())?;
    let made = Command::new("cc").args(["-O2", "-static", "-o"]).args([&program, &text]).output();
    match made {
        Ok(made) if made.status.success() => Ok(program.display().to_string()),
        Ok(made) => Err(format!("cc: {}", String::from_utf8_lossy(&made.stderr).lines().next().unwrap_or("failed"))),
        Err(error) => Err(format!("cc: {error}")),
    }
}

/// The environment of everything that is measured: the same for all, on every host.
pub fn environment() -> Vec<(OsString, OsString)> {
    let kept = ["HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];
    let kept = kept.into_iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?)));
    let set = [("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"), ("LANG", "C.UTF-8"), ("TERM", "dumb")];
    kept.chain(set.map(|(name, value)| (name.into(), value.into()))).collect()
}
