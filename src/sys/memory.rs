//! What /proc/PID/cmdline and environ show of this process.

use std::io;

/// The bytes that execve(2) laid down for argv and the environment: proc(5), `arg_start` … `env_end`.
#[derive(Debug, Clone, Copy)]
pub struct Arguments {
    arguments: (usize, usize),
    environment: (usize, usize),
}

/// Finds them: fields 48 to 51 of /proc/self/stat.
pub fn find_arguments() -> io::Result<Arguments> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is the name in parentheses and may hold anything; fields count on from its last ')'.
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let field = |number: usize| -> io::Result<usize> {
        let value = fields.get(number - 3).and_then(|text| text.parse().ok());
        value.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "/proc/self/stat has another form than proc(5) says")
        })
    };
    Ok(Arguments { arguments: (field(48)?, field(49)?), environment: (field(50)?, field(51)?) })
}

/// Overwrites argv and the environment of this process, so that `/proc/1/cmdline`, which no other protection covers, tells nothing.
///
/// For a process that never reads its own arguments or environment again.
pub fn erase(place: Arguments) {
    for (start, end) in [place.arguments, place.environment] {
        if start != 0 && end > start {
            // SAFETY: the kernel says that these bytes are this process's argv and environment, on its own writable stack.
            unsafe { std::ptr::write_bytes(start as *mut u8, 0, end - start) };
        }
    }
}
