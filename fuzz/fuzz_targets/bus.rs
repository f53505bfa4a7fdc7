//! What systemd says over D-Bus, from the bytes of a message on: the job is done, or there is an answer that fits the helper's socket and
//! is a reason, never a cgroup.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::fuzzing::cgroup;
use zbus::wire::Endian;
use zbus::wire::serialized::{Context, Data};
use zbus::{Message, ObjectPath};

fuzz_target!(|bytes: &[u8]| {
    let endian = if bytes.first() == Some(&b'B') { Endian::Big } else { Endian::Little };
    // SAFETY: what is promised is that the bytes are a message; whether anything relies on it is the question here.
    let message = unsafe { Message::from_bytes(Data::new(bytes.to_vec(), Context::new(endian, 0))) };
    message.map(look).ok();

    let text = String::from_utf8_lossy(bytes).replace('\0', "");
    job_removed(&text).map(look).ok();
    job_removed(&text.repeat(100)).map(look).ok();
    let (name, why) = text.split_once('\n').unwrap_or(("org.freedesktop.systemd1.UnitExists", &text));
    refusal(name, why).map(look).ok();
});

fn job_removed(result: &str) -> zbus::Result<Message> {
    let job = ObjectPath::try_from("/org/freedesktop/systemd1/job/7")?;
    Message::signal("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobRemoved").build(&(
        7u32,
        job,
        "sandbox-1-a.scope",
        result,
    ))
}

fn refusal(name: &str, why: &str) -> zbus::Result<Message> {
    let asked = Message::method_call("/org/freedesktop/systemd1", "StartTransientUnit").build(&())?;
    Message::error(&asked.header(), name).build(&why)
}

fn look(message: Message) {
    if let Some(answer) = cgroup::told(message) {
        let reason = cgroup::answer(&answer).expect_err("nothing that systemd says is a cgroup");
        assert!(reason.starts_with("systemd "), "{reason}");
    }
}
