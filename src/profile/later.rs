//! What the reference names and this version cannot do yet: refused by name, never accepted and ignored.

const OUTBOUND: &str = "needs the filtering network, which this version does not have yet";

/// A key, its flag, and why it is refused.
pub struct Later {
    /// `limits.memory`
    pub key: &'static str,
    /// `--memory`; empty where there is none.
    pub flag: &'static str,
    /// The rest of the sentence that begins with the key or the flag.
    pub why: &'static str,
}

const fn later(key: &'static str, flag: &'static str, why: &'static str) -> Later {
    Later { key, flag, why }
}

/// Keys and flags.
pub const KEYS: &[Later] =
    &[later("network.allow", "--allow", OUTBOUND), later("network.publish", "--publish", OUTBOUND)];
