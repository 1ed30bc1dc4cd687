//! A bounded cache of profiles. It also notes authors without a profile.
//!
//! The cache has two halves. New entries and entries in use are in the young half. When it is full,
//! it becomes the old half, and the entries of the old half that were not used meanwhile are
//! dropped.

use std::collections::HashMap;

use crate::events::{Author, Timestamp};

/// Maximum number of entries of one half.
const MAX_HALF: usize = 25_000;
/// How long a profile is kept, in milliseconds.
const MAX_AGE_MS: i64 = 6 * Timestamp::HOUR;
/// How long it is kept that a profile does not exist, in milliseconds.
const MAX_AGE_UNKNOWN_MS: i64 = 10 * Timestamp::MINUTE;

/// What is known of an author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    /// The handle, if it is valid.
    pub(super) handle: Option<String>,
    /// The display name.
    pub(super) name: Option<String>,
    /// The number of followers.
    pub(super) followers: Option<u64>,
}

/// Profiles by DID.
#[derive(Debug)]
pub(super) struct ProfileCache {
    young: HashMap<String, Entry>,
    old: HashMap<String, Entry>,
    max_half: usize,
}

#[derive(Debug)]
struct Entry {
    /// `None`: there is no such profile.
    profile: Option<Profile>,
    expires_at: Timestamp,
}

impl Default for ProfileCache {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            max_half: MAX_HALF,
        }
    }
}

impl Profile {
    /// Sets an author to this profile.
    pub(super) fn write_to(&self, author: &mut Author) {
        if let Some(handle) = &self.handle {
            author.handle.clone_from(handle);
        }
        author.name.clone_from(&self.name);
        author.followers = self.followers;
    }
}

impl ProfileCache {
    /// The entry of `did`: `Some(None)` when there is no such profile, `None` when it has to be
    /// asked for.
    pub(super) fn get(&mut self, did: &str, now: Timestamp) -> Option<Option<&Profile>> {
        if let Some((did, entry)) = self.old.remove_entry(did) {
            self.put(did, entry);
        }
        let entry = self.young.get(did)?;
        (now < entry.expires_at).then_some(entry.profile.as_ref())
    }

    /// Keeps a profile, or that there is none.
    pub(super) fn insert(&mut self, did: String, profile: Option<Profile>, now: Timestamp) {
        let age = match profile {
            Some(_) => MAX_AGE_MS,
            None => MAX_AGE_UNKNOWN_MS,
        };
        self.old.remove(&did);
        let expires_at = now.plus(age);
        self.put(
            did,
            Entry {
                profile,
                expires_at,
            },
        );
    }

    fn put(&mut self, did: String, entry: Entry) {
        if self.young.len() >= self.max_half && !self.young.contains_key(&did) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(did, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(handle: &str) -> Profile {
        Profile {
            handle: Some(handle.to_owned()),
            name: None,
            followers: None,
        }
    }

    #[test]
    fn entries_expire_and_unknown_ones_earlier() {
        let mut cache = ProfileCache::default();
        let start = Timestamp::from_millis(0);
        cache.insert("did:plc:a".to_owned(), Some(profile("a")), start);
        cache.insert("did:plc:b".to_owned(), None, start);
        let later = |minutes: i64| start.plus(minutes * Timestamp::MINUTE);
        assert_eq!(
            cache.get("did:plc:a", later(359)),
            Some(Some(&profile("a")))
        );
        assert_eq!(cache.get("did:plc:a", later(360)), None);
        assert_eq!(cache.get("did:plc:b", later(9)), Some(None));
        assert_eq!(cache.get("did:plc:b", later(10)), None);
        assert_eq!(cache.get("did:plc:c", start), None);
    }

    #[test]
    fn full_cache_drops_entries_that_were_not_used() {
        let mut cache = ProfileCache {
            max_half: 2,
            ..ProfileCache::default()
        };
        let now = Timestamp::from_millis(0);
        for name in ["a", "b", "c"] {
            cache.insert(name.to_owned(), Some(profile(name)), now);
        }
        assert!(cache.get("a", now).is_some());
        cache.insert("d".to_owned(), Some(profile("d")), now);
        assert_eq!(cache.young.len() + cache.old.len(), 3);
        for (name, is_kept) in [("a", true), ("b", false), ("c", true), ("d", true)] {
            assert_eq!(cache.get(name, now).is_some(), is_kept, "{name}");
        }
    }
}
