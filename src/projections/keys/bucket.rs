//! The buckets of time that keys are counted in.

use std::ops::Range;

use crate::events::Timestamp;

use super::MAX_KEYS;
use super::kind::KeyKind;

/// The width of a bucket. Every tweet is counted in one bucket of each width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// 5 minutes.
    FiveMinutes,
    /// An hour.
    Hour,
    /// A day, in UTC.
    Day,
}

impl Width {
    /// All widths, the narrowest first.
    pub const ALL: [Self; 3] = [Self::FiveMinutes, Self::Hour, Self::Day];

    /// The width in milliseconds.
    pub fn millis(self) -> i64 {
        i64::from(self.five_minutes()) * 5 * Timestamp::MINUTE
    }

    /// Number of buckets of five minutes in a bucket of this width.
    pub const fn five_minutes(self) -> u32 {
        match self {
            Self::FiveMinutes => 1,
            Self::Hour => 12,
            Self::Day => 24 * 12,
        }
    }

    /// The number of the width in rows.
    const fn number(self) -> u8 {
        match self {
            Self::FiveMinutes => 0,
            Self::Hour => 1,
            Self::Day => 2,
        }
    }

    /// The number of the bucket that contains a time. Buckets are numbered from 0, which begins at
    /// 1970-01-01.
    pub fn bucket(self, at: Timestamp) -> u32 {
        u32::try_from(at.millis().max(0) / self.millis()).unwrap_or(u32::MAX)
    }

    /// The time at which a bucket begins.
    pub fn start(self, bucket: u32) -> Timestamp {
        Timestamp::from_millis(i64::from(bucket).saturating_mul(self.millis()))
    }
}

/// Number of bytes before the key in the name of an entry: width, bucket and kind.
const PREFIX_BYTES: usize = 1 + 4 + 1;

/// The key of the last entry of a group. No text has these bytes. The count of the entry is a
/// [`GroupState`].
pub const STATE_KEY: &[u8] = &[0xff];

/// The keys of one kind in one bucket. The entries of a group are neighbours in the map of counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// The width of the bucket.
    pub width: Width,
    /// The number of the bucket.
    pub bucket: u32,
    /// The kind of the keys.
    pub kind: KeyKind,
}

impl Group {
    /// The start and the end of the bucket.
    pub fn times(self) -> Range<Timestamp> {
        let end = self.bucket.saturating_add(1);
        self.width.start(self.bucket)..self.width.start(end)
    }

    /// The bytes with which the names of all entries of the group begin.
    pub fn prefix(self) -> [u8; PREFIX_BYTES] {
        let [a, b, c, d] = self.bucket.to_be_bytes();
        [self.width.number(), a, b, c, d, self.kind.number()]
    }

    /// A number that identifies the width and the kind of the group.
    pub fn number(self) -> u64 {
        u64::from(self.width.number()) << 8 | u64::from(self.kind.number())
    }

    /// The group of an entry with this name; `None` if the name is not valid.
    pub fn of_entry(name: &[u8]) -> Option<Self> {
        let ([width, a, b, c, d, kind], _) = name.split_first_chunk::<PREFIX_BYTES>()?;
        Some(Self {
            width: Width::ALL.into_iter().find(|one| one.number() == *width)?,
            bucket: u32::from_be_bytes([*a, *b, *c, *d]),
            kind: KeyKind::ALL.into_iter().find(|one| one.number() == *kind)?,
        })
    }

    /// The name of the entry of a key.
    pub fn entry(self, key: &[u8]) -> Vec<u8> {
        [&self.prefix(), key].concat()
    }

    /// The name of the entry with the state of the group.
    pub fn state_entry(self) -> Vec<u8> {
        self.entry(STATE_KEY)
    }
}

/// Parses the name of an entry: the bucket, the number of the kind, and the key. Returns `None` if
/// the name is not valid or has another width.
#[inline]
pub fn parse_entry(width: Width, name: &[u8]) -> Option<(u32, u8, EntryKey<'_>)> {
    let ([number, a, b, c, d, kind], key) = name.split_first_chunk::<PREFIX_BYTES>()?;
    if *number != width.number() {
        return None;
    }
    let bucket = u32::from_be_bytes([*a, *b, *c, *d]);
    let key = if key == STATE_KEY {
        EntryKey::State
    } else {
        EntryKey::Key(key)
    };
    Some((bucket, *kind, key))
}

/// The key in the name of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKey<'n> {
    /// The entry counts the tweets with this key.
    Key(&'n [u8]),
    /// The entry holds the state of the group.
    State,
}

/// The state of a group, in addition to its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupState {
    /// Number of keys that the group holds.
    pub keys: u64,
    /// Whether the group is cut: a new key came when the group was full, and the group did not take
    /// it.
    pub is_cut: bool,
    /// Whether the group was cut and then lost a tweet. Its counts are not in the map, and a query
    /// counts its tweets again.
    pub is_uncounted: bool,
}

impl GroupState {
    /// Whether the group took all of its keys and has room for `new` further ones.
    pub const fn has_room_for(self, new: u64) -> bool {
        !self.is_cut && !self.is_uncounted && self.keys.saturating_add(new) <= MAX_KEYS
    }

    /// The state as the count of the group's entry in the map; 0 for the state of a group without
    /// keys.
    pub fn to_count(self) -> u64 {
        self.keys << 2 | u64::from(self.is_uncounted) << 1 | u64::from(self.is_cut)
    }

    /// Decodes the state from the count of its entry in the map.
    pub const fn from_count(count: u64) -> Self {
        Self {
            keys: count >> 2,
            is_cut: count & 1 != 0,
            is_uncounted: count & 2 != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_entries_are_in_the_order_of_width_bucket_kind_and_key() {
        let group = |width, bucket, kind| Group {
            width,
            bucket,
            kind,
        };
        let names = [
            group(Width::FiveMinutes, 256, KeyKind::Word).entry(b"b"),
            group(Width::FiveMinutes, 256, KeyKind::Word).state_entry(),
            group(Width::FiveMinutes, 256, KeyKind::Author).entry(b"a"),
            group(Width::FiveMinutes, 257, KeyKind::Word).entry(b"a"),
            group(Width::Hour, 1, KeyKind::Word).entry(b"a"),
        ];
        assert!(names.is_sorted());
        let parsed = names.each_ref().map(|name| Group::of_entry(name).unwrap());
        assert_eq!(parsed[1], group(Width::FiveMinutes, 256, KeyKind::Word));
        assert_eq!(parsed[2], group(Width::FiveMinutes, 256, KeyKind::Author));
        assert_eq!(Group::of_entry(b"\0\0\0\0\0"), None);
        let parsed = parse_entry(Width::FiveMinutes, &names[0]);
        assert_eq!(parsed, Some((256, 0, EntryKey::Key(b"b"))));
        let parsed = parse_entry(Width::FiveMinutes, &names[1]);
        assert_eq!(parsed, Some((256, 0, EntryKey::State)));
        assert_eq!(parse_entry(Width::Day, &names[0]), None);
    }

    #[test]
    fn state_of_a_group_is_its_count() {
        for keys in [0, 1, 20_000] {
            for (is_cut, is_uncounted) in [(false, false), (true, false), (true, true)] {
                let state = GroupState {
                    keys,
                    is_cut,
                    is_uncounted,
                };
                assert_eq!(GroupState::from_count(state.to_count()), state);
            }
        }
        assert_eq!(GroupState::default().to_count(), 0);
    }
}
