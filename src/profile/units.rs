//! Sizes, durations, octal modes: text with a unit → a number, and back.

mod share;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

pub use share::{Cpus, Weight};

/// Bytes. `512MiB`, `64K` are 1024-based; `KB` is refused as ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Microseconds. A unit is needed: `30m`, `2s`, `500ms`, `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub u64);

/// Permission bits (chmod(2)), written as octal text: `"0755"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(pub u32);

/// A number, or the word `unlimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit<T> {
    /// At most this.
    At(T),
    /// `unlimited`
    Unlimited,
}

/// Name and factor, the largest first; `Size` is displayed in the second name of each pair.
const SIZES: [(&str, &str, u64); 4] =
    [("T", "TiB", 1 << 40), ("G", "GiB", 1 << 30), ("M", "MiB", 1 << 20), ("K", "KiB", 1 << 10)];
const DURATIONS: [(&str, u64); 5] =
    [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split(text);
        let factor = match SIZES.iter().find(|(short, long, _)| unit == *short || unit == *long) {
            Some((_, _, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => match SIZES.iter().find(|(short, ..)| unit.to_uppercase() == format!("{short}B")) {
                Some((_, long, _)) => return Err(format!("{unit} is ambiguous, write {number}{long} (1024-based)")),
                None => return Err("not a size, write it as 64K, 512MiB or 2GiB".into()),
            },
        };
        exact(number, factor).map(Size).ok_or_else(|| "not a number of bytes, write it as 64K, 512MiB or 2GiB".into())
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut rest, mut total, mut units) = (text, 0u64, DURATIONS.iter());
        while !rest.is_empty() {
            let (number, tail) = split(rest);
            let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            // Each unit once, the larger first: the iterator only moves on.
            let part = units.find(|(name, _)| *name == &tail[..end]).and_then(|(_, factor)| exact(number, *factor));
            total = match part.and_then(|part| total.checked_add(part)) {
                Some(sum) => sum,
                None if tail.is_empty() => {
                    return Err(format!("a unit is missing, write {text}s, {text}ms or {text}m"));
                }
                None => return Err("not a duration, write it as 500ms, 2s, 30m or 1h30m".into()),
            };
            rest = &tail[end..];
        }
        if text.is_empty() { Err("empty, write it as 500ms, 2s or 30m".into()) } else { Ok(Duration(total)) }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let octal = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
        match u32::from_str_radix(text, 8) {
            Ok(bits) if octal => Ok(Mode(bits)),
            _ => Err("not a mode, write it in octal and in quotes: \"0755\"".into()),
        }
    }
}

impl<T: FromStr> FromStr for Limit<T>
where
    T::Err: fmt::Display,
{
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "unlimited" => Ok(Limit::Unlimited),
            _ if text.starts_with(|c: char| c.is_ascii_digit()) => {
                text.parse().map(Limit::At).map_err(|error| format!("{error}"))
            }
            _ => Err("neither a number nor the word unlimited".into()),
        }
    }
}

/// `1.5`, `h30m`: digits and a point, then what follows.
fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()))
}

/// A decimal times a factor, where that is a whole number that fits.
fn exact(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10u64.pow(fraction.len() as u32);
    let part = fraction.parse::<u64>().ok()?.checked_mul(factor)?;
    (part % scale == 0).then_some(())?;
    whole.parse::<u64>().ok()?.checked_mul(factor)?.checked_add(part / scale)
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZES.iter().find(|(_, _, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)) {
            Some((_, unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, factor) in DURATIONS {
            if rest >= factor {
                write!(f, "{}{unit}", rest / factor)?;
                rest %= factor;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl<T: fmt::Display> fmt::Display for Limit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::At(limit) => limit.fmt(f),
            Limit::Unlimited => f.write_str("unlimited"),
        }
    }
}

/// Reads a YAML scalar, bare number or text, by `FromStr`: what a flag takes and what a profile takes are one grammar.
pub(crate) fn from_scalar<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: fmt::Display,
{
    struct Scalar<T>(PhantomData<T>);
    impl<T: FromStr> Visitor<'_> for Scalar<T>
    where
        T::Err: fmt::Display,
    {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number or text")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            // The phrase of serde's own messages, by which the reader of errors knows them.
            text.parse().map_err(|error| E::custom(format_args!("invalid value: {text:?}: {error}")))
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
            self.visit_str(&number.to_string())
        }
        fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
            self.visit_str(&number.to_string())
        }
        fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
            self.visit_str(&number.to_string())
        }
    }
    deserializer.deserialize_any(Scalar(PhantomData))
}

/// `Deserialize` by `FromStr`, `Serialize` by `Display`.
macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                from_scalar(deserializer)
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
as_text!(Size, Duration, Mode, Cpus);

impl<'de, T: FromStr> Deserialize<'de> for Limit<T>
where
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_scalar(deserializer)
    }
}

impl<T: serde::Serialize> serde::Serialize for Limit<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Limit::At(limit) => limit.serialize(serializer),
            Limit::Unlimited => serializer.serialize_str("unlimited"),
        }
    }
}

#[cfg(test)]
mod tests;
