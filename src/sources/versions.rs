//! The versions of edited posts.
//!
//! An edit is a new tweet of its own: the older versions are deleted, and the new one is posted.
//! The book keeps the versions that the server has, so that a version that arrives again, or an
//! older one that arrives late, changes nothing, and so that a deletion reaches every version. A
//! version is noted once the server has it, and not before: otherwise its repetition after a crash
//! would count as known, and be lost.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::Post;
use crate::events::TweetId;

/// Maximum number of remembered versions of edited posts.
const MAX_VERSIONS: usize = 1_000_000;

/// One version of an edited post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownVersion {
    /// The id of the first version.
    pub family: TweetId,
    /// The order of this version; 0 for the first one.
    pub version: u64,
    /// The id of this version.
    pub id: TweetId,
}

/// What a post leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PostPlan {
    /// The server has this version or a newer one.
    Known,
    /// The post is published, after these older versions were deleted.
    Publish {
        /// The ids of the older versions, oldest first.
        replaces: Vec<TweetId>,
    },
}

/// The newest versions of edited posts.
#[derive(Debug, Default)]
pub(super) struct Versions {
    families: HashMap<TweetId, BTreeMap<u64, TweetId>>,
    /// The family of a version whose id differs from that of the family.
    family_of: HashMap<TweetId, TweetId>,
    order: VecDeque<(TweetId, u64)>,
}

impl Versions {
    /// The book as it was saved.
    pub(super) fn of(known: impl IntoIterator<Item = KnownVersion>) -> Self {
        let mut versions = Self::default();
        known.into_iter().for_each(|known| versions.note(known));
        versions
    }

    /// What a post leads to.
    pub(super) fn plan(&self, post: &Post) -> PostPlan {
        let known = self.families.get(&post.family);
        let newest = known.and_then(|known| known.last_key_value());
        if newest.is_some_and(|(version, _)| *version >= post.version) {
            return PostPlan::Known;
        }
        let mut replaces = Vec::new();
        if post.version > 0 {
            replaces.push(post.family.clone());
            replaces.extend(post.older.iter().cloned());
            replaces.extend(known.into_iter().flat_map(BTreeMap::values).cloned());
            let mut seen = std::collections::HashSet::new();
            replaces.retain(|id| *id != post.tweet.id && seen.insert(id.clone()));
        }
        PostPlan::Publish { replaces }
    }

    /// The versions that a published post adds to the book: none for a post that was never edited.
    pub(super) fn versions_of(post: &Post) -> Vec<KnownVersion> {
        if post.version == 0 {
            return Vec::new();
        }
        vec![KnownVersion {
            family: post.family.clone(),
            version: post.version,
            id: post.tweet.id.clone(),
        }]
    }

    /// Notes a version that the server has.
    pub(super) fn note(&mut self, known: KnownVersion) {
        let versions = self.families.entry(known.family.clone()).or_default();
        if versions.insert(known.version, known.id.clone()).is_none() {
            self.order.push_back((known.family.clone(), known.version));
        }
        if known.id != known.family {
            self.family_of.insert(known.id, known.family);
        }
        if self.order.len() > MAX_VERSIONS
            && let Some((family, version)) = self.order.pop_front()
        {
            self.forget(&family, version);
        }
    }

    fn forget(&mut self, family: &TweetId, version: u64) {
        let Some(versions) = self.families.get_mut(family) else {
            return;
        };
        if let Some(id) = versions.remove(&version) {
            self.family_of.remove(&id);
        }
        if versions.is_empty() {
            self.families.remove(family);
        }
    }

    /// Every version of the post of which `id` is one, the first version first.
    pub(super) fn all_of(&self, id: &TweetId) -> Vec<TweetId> {
        let family = self.family_of.get(id).unwrap_or(id);
        let mut ids = vec![family.clone()];
        let known = self.families.get(family).into_iter();
        ids.extend(known.flat_map(BTreeMap::values).cloned());
        if !ids.contains(id) {
            ids.push(id.clone());
        }
        ids.dedup();
        ids
    }

    /// The versions, oldest first.
    pub(super) fn known(&self) -> impl Iterator<Item = KnownVersion> {
        self.order.iter().filter_map(|(family, version)| {
            Some(KnownVersion {
                family: family.clone(),
                version: *version,
                id: self.families.get(family)?.get(version)?.clone(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Timestamp, TweetPosted};

    fn id(text: &str) -> TweetId {
        TweetId::new(text).unwrap()
    }

    fn post(family: &str, version: u64, name: &str, older: &[&str]) -> Post {
        Post {
            tweet: TweetPosted::of_test(name, Timestamp::from_millis(0), "text"),
            family: id(family),
            version,
            older: older.iter().map(|older| id(older)).collect(),
        }
    }

    fn publish(versions: &mut Versions, post: &Post) -> Option<Vec<String>> {
        match versions.plan(post) {
            PostPlan::Known => None,
            PostPlan::Publish { replaces } => {
                let known = Versions::versions_of(post);
                known.into_iter().for_each(|known| versions.note(known));
                Some(replaces.iter().map(ToString::to_string).collect())
            }
        }
    }

    #[test]
    fn edit_replaces_every_older_version_and_its_repetition_changes_nothing() {
        let mut versions = Versions::default();
        assert_eq!(
            publish(&mut versions, &post("m/1", 0, "m/1", &[])),
            Some(vec![])
        );
        let second = post("m/1", 20, "m/1@20", &[]);
        assert_eq!(publish(&mut versions, &second), Some(vec!["m/1".into()]));
        assert_eq!(publish(&mut versions, &second), None);
        let third = post("m/1", 30, "m/1@30", &[]);
        let replaced = Some(vec!["m/1".into(), "m/1@20".into()]);
        assert_eq!(publish(&mut versions, &third), replaced);
        for late in [&second, &post("m/1", 0, "m/1", &[])] {
            assert_eq!(publish(&mut versions, late), None);
        }
    }

    #[test]
    fn history_that_a_record_names_is_replaced_even_if_it_was_never_seen() {
        let mut versions = Versions::default();
        let edited = post("x:1", 2, "x:3", &["x:1", "x:2"]);
        let replaced = Some(vec!["x:1".into(), "x:2".into()]);
        assert_eq!(publish(&mut versions, &edited), replaced);
        assert_eq!(
            publish(&mut versions, &post("x:1", 1, "x:2", &["x:1"])),
            None
        );
        assert_eq!(publish(&mut versions, &post("x:1", 0, "x:1", &[])), None);
    }

    #[test]
    fn deletion_reaches_every_version_from_any_of_them() {
        let mut versions = Versions::default();
        publish(&mut versions, &post("x:1", 1, "x:2", &["x:1"]));
        publish(&mut versions, &post("x:1", 2, "x:3", &["x:1", "x:2"]));
        for any in ["x:1", "x:2", "x:3"] {
            let all = versions.all_of(&id(any));
            assert_eq!(all, [id("x:1"), id("x:2"), id("x:3")], "{any}");
        }
        assert_eq!(versions.all_of(&id("x:9")), [id("x:9")]);
    }

    #[test]
    fn saved_book_is_the_same_book() {
        let mut versions = Versions::default();
        publish(&mut versions, &post("x:1", 1, "x:2", &["x:1"]));
        publish(&mut versions, &post("m/1", 7, "m/1@7", &[]));
        let known: Vec<_> = versions.known().collect();
        let again = Versions::of(known.clone());
        assert_eq!(again.known().collect::<Vec<_>>(), known);
        assert_eq!(again.plan(&post("m/1", 7, "m/1@7", &[])), PostPlan::Known);
    }
}
