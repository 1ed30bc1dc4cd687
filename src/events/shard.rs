//! Where a keyword lives.

/// One of the shards, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(u16);

impl ShardId {
    /// Its number, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for ShardId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Into how many shards a journal places its keywords; fixed when the journal is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardCount(u16);

/// A journal claims a number of shards that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a journal has 1 to 1,024 shards, not {0}")]
pub struct UnsupportedShardCount(pub u16);

impl ShardCount {
    /// What new journals get, and what the stream transform of NATS is set to.
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

    /// The shard that counts and keeps all records whose token names no keyword: one, so that
    /// they are kept in sequence order. It keeps what else belongs to no keyword's shard, too.
    pub fn of_unaddressed(self) -> ShardId {
        self.shard_of(b"_")
    }

    /// The shard of a subject's token: FNV-1a (32 bit) modulo the count, which is what NATS'
    /// `partition(P,1)` computes, so that both journals place a keyword alike.
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
    fn counts_that_cannot_be_are_refused() {
        assert!(ShardCount::new(0).is_err());
        assert!(ShardCount::new(1025).is_err());
        assert_eq!(ShardCount::new(16).unwrap().all().count(), 16);
    }
}
