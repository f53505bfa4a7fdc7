//! The service manager over D-Bus: a transient scope, delegated, for two processes. org.freedesktop.systemd1(5)

use super::Lack;
use super::helper::Answer;
use crate::host::registry::directory;
use nix::unistd::{Pid, geteuid, getpid, getppid};
use std::fs;
use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, Instant};
use zbus::export::futures_core::Stream;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath, Variant};

const MANAGER: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const INTERFACE: &str = "org.freedesktop.systemd1.Manager";
/// What a manager takes to move two processes, and more; less than the supervisor waits for the answer.
const LONGEST_MOVE: Duration = Duration::from_secs(3);
/// A manager's sentence is cut here.
const LONGEST_REASON: usize = 512;

/// Where the caller's service manager is reached: the user's own, for host root that of the system.
pub(super) fn bus_address() -> Result<String, Lack> {
    #[cfg(feature = "faults")]
    if let Some(address) = crate::faults::answer("bus") {
        return Ok(address.into());
    }
    let uid = geteuid();
    if uid.is_root() {
        let socket = Path::new("/run/dbus/system_bus_socket");
        return match socket.exists() {
            true => Ok(address(socket)),
            false => Err(Lack::new("no systemd answers here: there is no /run/dbus/system_bus_socket", DELEGATE)),
        };
    }
    let Some(runtime) = directory::runtime() else {
        return match Path::new("/run/systemd/system").exists() {
            true => Err(Lack::new(
                format!("no service manager runs for this user: there is no /run/user/{uid}"),
                "Log in by ssh or on a console (su and sudo do not start one), or let the administrator say: loginctl enable-linger USER",
            )),
            false => Err(Lack::new("systemd does not run here, and no cgroup is delegated to this user", DELEGATE)),
        };
    };
    let socket = runtime.join("bus");
    match socket.exists() {
        true => Ok(address(&socket)),
        false => Err(Lack::new(
            format!("the user's service manager has no D-Bus socket: there is no {}", socket.display()),
            "Install the package dbus-user-session (Debian) or dbus-broker, and log in again",
        )),
    }
}

const DELEGATE: &str = "Start it in a cgroup that is delegated to this user: cgroups(7), \"delegation\"";

fn address(socket: &Path) -> String {
    let mut address = String::from("unix:path=");
    for byte in socket.as_os_str().as_encoded_bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'/' | b'.' => address.push(char::from(*byte)),
            other => address.push_str(&format!("%{other:02x}")),
        }
    }
    address
}

/// In the helper: connects, hears which process init is, and has both moved; each question is announced by `asking`. None if the
/// supervisor is gone.
pub(super) fn ask(bus: &str, hear_init: impl FnOnce() -> Option<Pid>, asking: impl Fn(bool)) -> Option<Answer> {
    #[cfg(feature = "faults")]
    if let Some(answer) = crate::faults::answer("manager") {
        hear_init()?;
        return serde_json::from_str(answer).ok();
    }
    zbus::block_on(async {
        let unit = unit_name();
        let mut jobs = match connect(bus, &unit, &asking).await {
            Ok(connected) => connected,
            Err(error) => return Some(Answer::Unreachable(cut(&error))),
        };
        let init = hear_init()?;
        let result = jobs.start(&unit, init, &asking).await;
        let answer = obstacle(result).unwrap_or_else(|| moved(init));
        if let Answer::Unreachable(_) = answer {
            stay_to_be_moved(&unit, init);
        }
        Some(answer)
    })
}

/// Has the manager move a process to a place below a unit of the caller's: AttachProcessesToUnit.
pub(super) fn attach(bus: &str, unit: &str, below: &str, process: Pid) -> Result<(), String> {
    let pids = vec![process.as_raw() as u32];
    let attached = zbus::block_on(async {
        let connection = zbus::connection::Builder::address(bus).build().await?;
        let call = (unit, below, pids);
        connection.call_method(Some(MANAGER), PATH, Some(INTERFACE), "AttachProcessesToUnit", &call).await.map(drop)
    });
    attached.map_err(|error| cut(&error))
}

/// The bus was lost after the question, so the manager may be about to move both: what is dead by then leaves it a scope for ever.
fn stay_to_be_moved(unit: &str, init: Pid) {
    let in_scope = || matches!(moved(init), Answer::Moved(cgroup) if cgroup.ends_with(unit));
    let until = Instant::now() + LONGEST_MOVE;
    while !in_scope() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What kept the job from being done, if anything did.
pub(super) fn obstacle(result: zbus::Result<String>) -> Option<Answer> {
    match result {
        Ok(result) if result == "done" => None,
        Ok(result) => Some(Answer::Job(cut(&result))),
        Err(zbus::Error::InputOutput(error)) => Some(Answer::Unreachable(cut(&error))),
        Err(error) => Some(Answer::Refused(cut(&error))),
    }
}

/// The result in a JobRemoved signal: org.freedesktop.systemd1(5).
pub(super) fn job_result(signal: &Message) -> zbus::Result<String> {
    let (_, _, _, result): (u32, OwnedObjectPath, String, String) = signal.body().deserialize()?;
    Ok(result)
}

fn cut(text: &impl ToString) -> String {
    text.to_string().chars().take(LONGEST_REASON).collect()
}

/// Unique for the time that it and a namesake could meet: the supervisor's pid and the moment.
fn unit_name() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("sandbox-{}-{:x}.scope", getppid(), now.as_nanos())
}

/// The manager, and the ends of the one unit's jobs. The reply to a start comes before the processes are moved.
struct Jobs {
    connection: Connection,
    ends: MessageStream,
}

async fn connect(bus: &str, unit: &str, asking: &impl Fn(bool)) -> zbus::Result<Jobs> {
    asking(false);
    let connection = zbus::connection::Builder::address(bus).build().await?;
    let rule = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .sender(MANAGER)
        .interface(INTERFACE)
        .member("JobRemoved")
        .arg(2, unit)
        .build()?;
    asking(false);
    let ends = MessageStream::for_match_rule(rule, &connection, None).await?;
    asking(false);
    connection.call_method(Some(MANAGER), PATH, Some(INTERFACE), "Subscribe", &()).await?;
    Ok(Jobs { connection, ends })
}

impl Jobs {
    /// StartTransientUnit, until its job is removed: the job's result.
    async fn start(&mut self, unit: &str, init: Pid, asking: &impl Fn(bool)) -> zbus::Result<String> {
        asking(true);
        let pids = vec![getpid().as_raw() as u32, init.as_raw() as u32];
        let properties: Vec<(&str, Variant)> = vec![
            ("Description", "a run of sandbox".into()),
            ("PIDs", pids.into()),
            ("Delegate", true.into()),
            // The run's own limit is the one that counts.
            ("TasksMax", u64::MAX.into()),
            // Gone when its processes are, however they ended.
            ("CollectMode", "inactive-or-failed".into()),
        ];
        let auxiliary: Vec<(&str, Vec<(&str, Variant)>)> = Vec::new();
        let call = (unit, "fail", properties, auxiliary);
        self.connection.call_method(Some(MANAGER), PATH, Some(INTERFACE), "StartTransientUnit", &call).await?;
        let ended: Message =
            poll_fn(|context| Pin::new(&mut self.ends).poll_next(context)).await.unwrap_or_else(|| {
                Err(zbus::Error::InputOutput(std::sync::Arc::new(std::io::ErrorKind::BrokenPipe.into())))
            })?;
        job_result(&ended)
    }
}

/// Looks where both are: the manager's word is not enough.
fn moved(init: Pid) -> Answer {
    let of = |process: &str| fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
    let unified = |text: &str| text.lines().find(|line| line.starts_with("0::")).map(str::to_owned);
    match (unified(&of("self")), unified(&of(&init.to_string()))) {
        (Some(own), Some(other)) if own == other && own.ends_with(".scope") => Answer::Moved(own),
        (own, _) => Answer::Job(cut(&format!("done, but the processes are not in it ({})", own.unwrap_or_default()))),
    }
}

/// The text of /proc/PID/cgroup in the scope, or why there is none.
pub(super) fn read(answer: Answer) -> Result<String, Lack> {
    let lack = |reason: String, remedy: &str| Err(Lack::new(reason, remedy));
    match answer {
        Answer::Moved(cgroup) => Ok(cgroup),
        Answer::Unreachable(why) => lack(format!("systemd cannot be reached over D-Bus: {why}"), LOOK),
        Answer::Refused(why) => lack(format!("systemd refused a scope: {why}"), LOOK),
        Answer::Job(why) => lack(format!("systemd did not finish the scope: {why}"), LOOK),
        Answer::Late | Answer::Asking { .. } => lack("systemd did not answer within 5 s".into(), LOOK),
        Answer::Gone => lack("the helper that speaks to systemd ended without an answer".into(), "Run it again"),
    }
}

const LOOK: &str = "Look at systemctl --user status (for root: systemctl status)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_no_byte_that_means_something_in_it() {
        assert_eq!(address(Path::new("/run/user/1000/bus")), "unix:path=/run/user/1000/bus");
        assert_eq!(address(Path::new("/tmp/a b;c,d=e")), "unix:path=/tmp/a%20b%3bc%2cd%3de");
    }
}
