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

/// The fraction of the golden ratio: no pattern of bits that names could follow.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Folds eight bytes at a time.
#[derive(Debug, Clone, Copy, Default)]
pub struct FastHasher(u64);

impl FastHasher {
    /// Both halves of the product count, so that every bit of the result depends on every bit of `word`.
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ MULTIPLIER) * u128::from(MULTIPLIER.rotate_left(23));
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.fold(u64::from_le_bytes(last));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.fold(u64::from(byte) | 0x100);
    }

    fn write_u64(&mut self, word: u64) {
        self.fold(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.fold(word as u64);
    }
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
    fn where_a_name_ends_counts() {
        assert_ne!(hash("a"), hash("a\0"));
        assert_ne!(hash(""), hash("\0"));
        assert_ne!(hash("12345678"), hash("12345678\0"));
    }
}
