//! Doors for `fuzz/`: what comes over the socket, and the kernel's line about a process of the payload's.

use super::cpu_time;
use super::link::Record;

/// A record as bytes say it, if they say one, and the bytes that say it again.
pub fn record(wire: &[u8; 16]) -> Option<(Record, [u8; 16])> {
    Record::decode(wire).map(|record| (record, record.encode()))
}

/// /proc/PID/stat: the ticks of what it waited for.
pub fn waited_for(stat: &str) -> Option<u32> {
    cpu_time::waited_for(stat)
}
