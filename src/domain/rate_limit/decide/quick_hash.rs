//! Hashing of short names, for maps that every call looks into several times.
//!
//! Names of permits are made up by clients, at random, and never come from whoever could want them to collide.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

pub(super) type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<QuickHasher>>;

/// Folds eight bytes at a time by a multiplication, whose both halves count.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct QuickHasher(u64);

/// Odd, and without a pattern: the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl QuickHasher {
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word).wrapping_mul(u128::from(FACTOR));
        self.0 = (product >> 64) as u64 ^ (product as u64).rotate_left(23);
    }
}

impl Hasher for QuickHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.fold(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.fold(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_that_differ_little_are_told_apart() {
        let hash = |name: &str| {
            let mut hasher = QuickHasher::default();
            hasher.write(name.as_bytes());
            hasher.finish()
        };
        let names: Vec<_> = (0..20_000).map(|index| format!("permit-of-a-client-{index}")).collect();
        let all: HashSet<_> = names.iter().map(|name| hash(name)).collect();
        assert_eq!(all.len(), names.len());
        // Buckets go by the low bits, and groups within them by the high ones.
        let buckets: HashSet<_> = names.iter().map(|name| hash(name) % 65_536).collect();
        let tops: HashSet<_> = names.iter().map(|name| hash(name) >> 57).collect();
        assert!(buckets.len() > 15_000, "{}", buckets.len());
        assert_eq!(tops.len(), 128);
    }
}
