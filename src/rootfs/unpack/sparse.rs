//! Sparse files: where in a file the data of the archive belong.

use super::header::{BLOCK, number};
use super::pax;

/// At most so many: 16 MiB of memory.
const MOST: usize = 1 << 20;

/// A run of data: where it begins in the file, and how long it is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub start: u64,
    pub length: u64,
}

/// The segments of a file, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Map(Vec<Segment>);

impl Map {
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Pairs of numbers as a header, or a block behind it, has them in the old form of GNU tar; the first empty one ends them.
    pub fn add_fields(&mut self, fields: &[u8]) -> Result<(), String> {
        for pair in fields.chunks_exact(24).take_while(|pair| pair[0] != 0) {
            let read = |field| number(field).and_then(|value| value.try_into().ok()).ok_or(WRONG);
            self.push(read(&pair[..12])?, read(&pair[12..])?)?;
        }
        Ok(())
    }

    fn push(&mut self, start: u64, length: u64) -> Result<(), String> {
        if self.0.len() == MOST {
            return Err("it is a sparse file of more than a million pieces".into());
        }
        self.0.push(Segment { start, length });
        Ok(())
    }

    /// In order, without overlap, within the file's `size`, and in all as long as what the archive has of it.
    pub fn check(&self, size: u64, stored: u64) -> Result<(), String> {
        let (mut end, mut sum) = (0u64, 0u64);
        for Segment { start, length } in &self.0 {
            if *start < end {
                return Err(WRONG.into());
            }
            end = start.checked_add(*length).ok_or(WRONG)?;
            sum += length; // no more than `end`
        }
        if end > size || sum != stored { Err(WRONG.into()) } else { Ok(()) }
    }

    /// The form 1.0: decimal numbers, a line each, how many pairs first; filled up to a block. `block` gives the next one.
    /// With the map, how many bytes it took.
    pub fn read<E: From<String>>(mut block: impl FnMut() -> Result<[u8; BLOCK], E>) -> Result<(Self, u64), E> {
        let (mut map, mut current, mut at, mut blocks) = (Map::default(), [0; BLOCK], BLOCK, 0);
        let mut line = || -> Result<u64, E> {
            let mut digits = Vec::with_capacity(20);
            loop {
                if at == BLOCK {
                    (current, at, blocks) = (block()?, 0, blocks + 1);
                }
                at += 1;
                match current[at - 1] {
                    b'\n' => break,
                    digit if digits.len() < 20 => digits.push(digit),
                    _ => return Err(WRONG.to_string().into()),
                }
            }
            Ok(pax::number(&digits)?.ok_or_else(|| WRONG.to_string())?)
        };
        for _ in 0..line()? {
            let start = line()?;
            let length = line()?;
            map.push(start, length)?;
        }
        Ok((map, blocks * BLOCK as u64))
    }
}

const WRONG: &str = "its map of a sparse file is damaged";

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(u64, u64)]) -> Map {
        Map(pairs.iter().map(|(start, length)| Segment { start: *start, length: *length }).collect())
    }

    #[test]
    fn pieces_are_in_order_and_within_the_file() {
        assert_eq!(map(&[(0, 5), (10, 5), (20, 0)]).check(20, 10), Ok(()));
        for (wrong, size, stored) in [
            (map(&[(10, 5), (0, 5)]), 20, 10),
            (map(&[(0, 5), (4, 5)]), 20, 10),
            (map(&[(0, 5)]), 4, 5),
            (map(&[(0, 5)]), 20, 6),
            (map(&[(5, u64::MAX)]), u64::MAX, u64::MAX),
        ] {
            assert!(wrong.check(size, stored).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_map_before_the_data_is_read_in_whole_blocks() {
        let mut first = [0; BLOCK];
        first[..13].copy_from_slice(b"2\n0\n5\n512\n5\n\0");
        let read = |block: [u8; BLOCK]| Map::read::<String>(|| Ok(block));
        assert_eq!(read(first), Ok((map(&[(0, 5), (512, 5)]), 512)));
        assert!(read([b'1'; BLOCK]).is_err() && read([b'\n'; BLOCK]).is_err() && read([0; BLOCK]).is_err());
    }

    #[test]
    fn a_map_without_end_is_refused() {
        let block = *b"1\n".repeat(256).first_chunk().unwrap();
        let mut start = block;
        start[..8].copy_from_slice(b"9999999\n");
        let mut blocks = std::iter::once(start).chain(std::iter::repeat(block));
        assert!(Map::read::<String>(|| Ok(blocks.next().unwrap())).is_err());
    }
}
