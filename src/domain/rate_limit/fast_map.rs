//! Maps for names that are looked up several times in every call.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map that hashes in a few multiplications. Its names come from the processes that share a limiter, which have
/// no reason to make them collide; where strangers choose the names, take a `HashMap` as it is.
///
/// ```
/// use token_budget::domain::rate_limit::fast_map::FastMap;
///
/// let mut permits: FastMap<&str, u64> = FastMap::default();
/// permits.insert("worker-1", 7);
/// assert_eq!(permits.get("worker-1"), Some(&7));
/// ```
pub type FastMap<K, V> = HashMap<K, V, FastHashing>;

pub type FastHashing = BuildHasherDefault<FastHasher>;

/// Fractions of the golden ratio and of the root of 2: no patterns of bits that names could follow.
const KEYS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0x6a09_e667_f3bc_c909];

/// Folds sixteen bytes with one multiplication, as wyhash does.
#[derive(Debug, Clone, Copy, Default)]
pub struct FastHasher(u64);

impl FastHasher {
    /// Both halves of the product count, so that every bit of the result depends on every bit given.
    fn fold(&mut self, first: u64, second: u64) {
        let product = u128::from(self.0 ^ first ^ KEYS[0]) * u128::from(second ^ KEYS[1]);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let length = bytes.len() as u64;
        for pair in bytes.as_chunks::<16>().0 {
            self.fold(word(pair.first_chunk()), word(pair.last_chunk()));
        }
        // The end overlaps what was folded already: that costs less than a rest of any length.
        let end: &[u8] = bytes.last_chunk::<16>().map_or(bytes, |end| end);
        if end.len() >= 8 {
            self.fold(word(end.first_chunk()) ^ length, word(end.last_chunk()));
        } else {
            self.fold(end.iter().fold(0, |joined, byte| joined << 8 | u64::from(*byte)), length);
        }
    }

    /// What ends a name; its length is in its hash already.
    fn write_u8(&mut self, byte: u8) {
        self.0 ^= u64::from(byte);
    }

    fn write_u64(&mut self, word: u64) {
        self.fold(word, 0);
    }
}

fn word(bytes: Option<&[u8; 8]>) -> u64 {
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::*;

    fn hash(name: &str) -> u64 {
        FastHashing::default().hash_one(name)
    }

    #[test]
    fn names_that_differ_little_are_spread() {
        let names: Vec<_> = (0..20_000).map(|number| format!("0123456789abcdef-{number:x}")).collect();
        let hashes: HashSet<_> = names.iter().map(|name| hash(name)).collect();
        assert_eq!(hashes.len(), names.len());
        // A map looks at the lowest bits, and at the highest seven.
        for shift in [0, 57] {
            let mut counts = [0_u64; 128];
            names.iter().for_each(|name| counts[(hash(name) >> shift) as usize % 128] += 1);
            assert!(counts.iter().all(|count| (80..280).contains(count)), "{counts:?}");
        }
    }

    #[test]
    fn every_byte_counts() {
        for length in 1..80 {
            let plain = vec![b'a'; length];
            let name = |bytes: &[u8]| hash(std::str::from_utf8(bytes).unwrap());
            for at in 0..length {
                let mut other = plain.clone();
                other[at] = b'b';
                assert_ne!(name(&plain), name(&other), "byte {at} of {length}");
            }
        }
    }

    #[test]
    fn where_a_name_ends_counts() {
        assert_ne!(hash("a"), hash("a\0"));
        assert_ne!(hash(""), hash("\0"));
        assert_ne!(hash("12345678"), hash("12345678\0"));
    }
}
