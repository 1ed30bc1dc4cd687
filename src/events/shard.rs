//! Shards: the parts into which a journal divides its keywords.

/// The number of a shard, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(u16);

impl ShardId {
    /// The number as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for ShardId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of shards of a journal, fixed when the journal is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardCount(u16);

/// A journal has an impossible number of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a journal has 1 to 1,024 shards, not {0}")]
pub struct UnsupportedShardCount(pub u16);

impl ShardCount {
    /// The number of shards of new journals, and of the stream transform of NATS.
    pub const DEFAULT: Self = Self(16);

    /// Checks a stored count.
    ///
    /// # Errors
    /// [`UnsupportedShardCount`] outside 1..=1,024.
    pub fn new(count: u16) -> Result<Self, UnsupportedShardCount> {
        if (1..=1024).contains(&count) {
            Ok(Self(count))
        } else {
            Err(UnsupportedShardCount(count))
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// All shards in order.
    pub fn all(self) -> impl Iterator<Item = ShardId> {
        (0..self.0).map(ShardId)
    }

    /// The shard for records whose token names no keyword. One shard counts and keeps all of these
    /// records, so that they stay in sequence order.
    pub fn of_unaddressed(self) -> ShardId {
        self.shard_of(b"_")
    }

    /// The shard of the token of a subject: FNV-1a (32 bit) modulo the count. `partition(P,1)` of
    /// NATS computes the same number, so a keyword is in the same shard with both journals.
    pub fn shard_of(self, token: &[u8]) -> ShardId {
        let hash = token.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        let remainder = hash % u32::from(self.0);
        ShardId(u16::try_from(remainder).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_1a_test_vectors() {
        // From the FNV reference: "" -> 811c9dc5, "a" -> e40c292c, "foobar" -> bf9cf968.
        let sixteen = ShardCount::DEFAULT;
        for (token, hash) in [
            ("", 0x811c_9dc5_u32),
            ("a", 0xe40c_292c),
            ("foobar", 0xbf9c_f968),
        ] {
            let expected = usize::try_from(hash % 16).unwrap();
            assert_eq!(sixteen.shard_of(token.as_bytes()).index(), expected);
        }
    }

    #[test]
    fn impossible_counts_are_refused() {
        assert!(ShardCount::new(0).is_err());
        assert!(ShardCount::new(1025).is_err());
        assert_eq!(ShardCount::new(16).unwrap().all().count(), 16);
    }
}
