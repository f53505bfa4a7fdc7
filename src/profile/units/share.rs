//! Shares of the host: how many processors, and how much weight against others.

use super::{exact, from_scalar, split};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Thousandths of a processor: `0.5`, `2`, `1.25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cpus(pub u64);

/// 1 to 10000, as cgroups(7) weighs siblings against each other; 100 is the kernel's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(pub u64);

/// In 100 ms, the kernel's period, this is 1 ms: the least that cpu.max takes.
const LEAST: u64 = 10;

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, rest) = split(text);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        // Six digits are more processors than there are, and nowhere near what cpu.max or a multiplication cannot hold.
        let plain =
            rest.is_empty() && whole.len() <= 6 && (whole == "0" || !whole.starts_with('0')) && fraction.len() <= 3;
        match exact(number, 1000).filter(|_| plain) {
            Some(milli) if milli >= LEAST => Ok(Cpus(milli)),
            Some(_) => Err("too little to run on, the least is 0.01".into()),
            None => {
                Err("not a number of processors, write it as 2, 0.5 or 1.25: below a million, with at most 3 decimals"
                    .into())
            }
        }
    }
}

impl FromStr for Weight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(weight @ 1..=10_000) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Weight(weight)),
            _ => Err("not a weight, write a whole number from 1 to 10000".into()),
        }
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        match rest {
            0 => write!(f, "{whole}"),
            _ => write!(f, "{whole}.{}", format!("{rest:03}").trim_end_matches('0')),
        }
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_scalar(deserializer)
    }
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}
