//! Sums of counts by key, over many buckets.

use std::cmp::Ordering;
use std::ops::Range;

use super::window_words::Both;
use crate::text::first_bytes;

/// The number of tweets that have one key, in each of two windows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pair {
    /// The number of tweets in the window before.
    pub(super) previous: u64,
    /// The number of tweets in the window.
    pub(super) current: u64,
}

/// Counts by key, in the order of the bytes of the keys.
///
/// The keys are a linked list in this order. The keys of a bucket come in order, so the search for
/// a key starts at the key that was added last, and a bucket is merged into the list in one pass.
/// Buckets share most of their keys, so few searches insert a node. Most steps compare one number,
/// and the nodes of neighbouring keys are mostly neighbours in memory. A bucket with few keys skips
/// the nodes between them: the number of its steps grows with the number of its own keys, and only
/// with the logarithm of the number of keys that it skips.
pub(super) struct KeySums {
    /// The head of the list, then nodes in the order of the list, then the other nodes in the order
    /// in which their keys came.
    nodes: Vec<Node>,
    /// The key and the counts of each node, at the index of the node.
    sums: Vec<Sum>,
    /// The bytes of all keys, one key after the other.
    keys: Vec<u8>,
    /// The index of the node at which the next search starts: that of the key that was added last,
    /// or [`HEAD`].
    last: u32,
    /// Number of nodes at the start of `nodes` that are in the order of the list. Other nodes may
    /// be between them in the list.
    ordered: usize,
}

/// Number of neighbouring nodes that a search passes before it skips nodes. Most searches end
/// earlier.
const MAX_STEPS: u32 = 8;

/// The part of a key that most steps of a search read.
#[derive(Clone, Copy)]
struct Node {
    /// The [`first_bytes`] of the key.
    first: u64,
    /// Length of the key, in bytes.
    length: u32,
    /// The index of the node of the next key, or [`END`].
    next: u32,
}

/// Instead of the index of a node: the end of the list.
const END: u32 = u32::MAX;
/// The index of the head, a node without a key before the first key.
const HEAD: u32 = 0;

#[derive(Default, Clone)]
struct Sum {
    /// The range of the key in [`KeySums::keys`].
    key: Range<u32>,
    counts: Both<i64>,
}

impl Default for KeySums {
    fn default() -> Self {
        let head = Node {
            first: 0,
            length: 0,
            next: END,
        };
        Self {
            nodes: vec![head],
            sums: vec![Sum::default()],
            keys: Vec::new(),
            last: HEAD,
            ordered: 1,
        }
    }
}

impl KeySums {
    /// Adds `changes` to the counts of a key in the window and in the window before. The search for
    /// a key that comes before the last added one starts at the head of the list. A new key is left
    /// out when all keys together would have 4 GiB.
    pub(super) fn add(&mut self, key: &[u8], changes: Both<i64>) {
        let first = first_bytes(key);
        let node = match self.compare(self.last, first, key) {
            Ordering::Equal if self.last != HEAD => Some(self.last),
            Ordering::Greater => {
                self.restart();
                self.find(first, key)
            }
            _ => self.find(first, key),
        };
        let Some(node) = node else {
            return;
        };
        self.last = node;
        if let Some(sum) = self.sums.get_mut(index(node)) {
            for (count, change) in sum.counts.iter_mut().zip(changes) {
                *count = count.saturating_add(change);
            }
        }
    }

    /// Compares the key of a node with a key that has these first bytes. The end of the list is
    /// after all keys. The head is before all keys except the empty one, with which it is equal.
    fn compare(&self, node: u32, first: u64, key: &[u8]) -> Ordering {
        let Some(found) = self.nodes.get(index(node)) else {
            return Ordering::Greater;
        };
        match found.first.cmp(&first) {
            Ordering::Equal if found.length <= 8 && index(found.length) == key.len() => {
                Ordering::Equal
            }
            Ordering::Equal => self.key(node).cmp(key),
            different => different,
        }
    }

    /// The index of the node of a key that is after the last added one. Inserts a node for a new
    /// key. `None` if there is no room for it.
    fn find(&mut self, first: u64, key: &[u8]) -> Option<u32> {
        let mut before = self.last;
        let mut steps = 0;
        loop {
            let next = self.nodes.get(index(before))?.next;
            match self.compare(next, first, key) {
                Ordering::Less => before = next,
                Ordering::Equal => return Some(next),
                Ordering::Greater => return self.insert(before, first, key),
            }
            steps += 1;
            if steps >= MAX_STEPS && index(before) < self.ordered {
                before = self.skip(before, first, key);
                steps = 0;
            }
        }
    }

    /// The last of the ordered nodes before a key. The search starts at the ordered node `before`,
    /// takes steps of growing length, and then of shrinking length.
    fn skip(&self, before: u32, first: u64, key: &[u8]) -> u32 {
        let (mut before, mut length) = (before, 1_u32);
        let step = |before: u32, length: u32| {
            let next = before.saturating_add(length);
            let is_before =
                index(next) < self.ordered && self.compare(next, first, key) == Ordering::Less;
            is_before.then_some(next)
        };
        while let Some(next) = step(before, length) {
            before = next;
            length = length.saturating_mul(2);
        }
        while length > 1 {
            length /= 2;
            before = step(before, length).unwrap_or(before);
        }
        before
    }

    /// Inserts a node for a new key after the node `before`. Returns the index of the new node;
    /// `None` if there is no room for it.
    fn insert(&mut self, before: u32, first: u64, key: &[u8]) -> Option<u32> {
        let node = number(self.nodes.len())?;
        let start = number(self.keys.len())?;
        let length = number(key.len())?;
        let end = start.checked_add(length)?;
        let next = std::mem::replace(&mut self.nodes.get_mut(index(before))?.next, node);
        if next == END && index(before) + 1 == self.ordered && self.nodes.len() == self.ordered {
            self.ordered += 1;
        }
        self.nodes.push(Node {
            first,
            length,
            next,
        });
        self.keys.extend_from_slice(key);
        self.sums.push(Sum {
            key: start..end,
            counts: [0; 2],
        });
        Some(node)
    }

    /// Lets the next search start at the head. If more than half of the nodes are not in order,
    /// sorts them into the order of the list.
    fn restart(&mut self) {
        self.last = HEAD;
        if self.nodes.len() <= self.ordered.saturating_mul(2) {
            return;
        }
        let mut ordered = Self::default();
        for (key, counts) in self.in_order() {
            let node = ordered.insert(ordered.last, first_bytes(key), key);
            ordered.last = node.unwrap_or(ordered.last);
            if let Some(sum) = ordered.sums.last_mut() {
                sum.counts = counts;
            }
        }
        ordered.last = HEAD;
        *self = ordered;
    }

    /// All keys with their counts in the window and in the window before, in the order of the list.
    fn in_order(&self) -> impl Iterator<Item = (&[u8], Both<i64>)> {
        let next_of = |node: u32| self.nodes.get(index(node)).map(|node| node.next);
        let nodes = std::iter::successors(next_of(HEAD), move |node| next_of(*node));
        nodes.map_while(|node| {
            let sum = self.sums.get(index(node))?;
            Some((self.key(node), sum.counts))
        })
    }

    /// All keys with their counts, in the order of their bytes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Pair)> {
        self.in_order().map(|(key, [current, previous])| {
            let pair = Pair {
                current: at_least_none(current),
                previous: at_least_none(previous),
            };
            (key, pair)
        })
    }

    /// The key of a node.
    fn key(&self, node: u32) -> &[u8] {
        let range = self.sums.get(index(node)).map(|sum| sum.key.clone());
        let range = range.unwrap_or_default();
        self.keys
            .get(index(range.start)..index(range.end))
            .unwrap_or_default()
    }
}

/// A count after all of its changes, as an unsigned number; 0 if it is negative.
pub(super) fn at_least_none(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// Converts an index or a length; `None` if it is not below [`END`].
fn number(index: usize) -> Option<u32> {
    u32::try_from(index).ok().filter(|number| *number != END)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Keys and changes of one bucket. A bucket with few keys skips many of a bucket with many.
    fn stream() -> impl Strategy<Value = Vec<(String, i64)>> {
        let key = prop_oneof!["[ab\0]{0,3}|quawo[ab]{2,6}", "k[0-9]{3}", "k[0-9]{3}"];
        let keys = |count| prop::collection::vec((key.clone(), -3_i64..9), 0..count);
        prop_oneof![keys(4), keys(150)]
    }

    proptest! {
        #[test]
        fn sums_are_those_of_a_map_in_its_order(
            streams in prop::collection::vec(stream(), 0..9),
            is_sorted in any::<bool>(),
        ) {
            let mut sums = KeySums::default();
            let mut expected: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
            for mut stream in streams {
                if is_sorted {
                    stream.sort();
                }
                for (key, count) in stream {
                    sums.add(key.as_bytes(), [count, 1]);
                    *expected.entry(key.into_bytes()).or_default() += count;
                }
            }
            let found: Vec<_> = sums
                .iter()
                .map(|(key, pair)| (key.to_vec(), pair.current))
                .collect();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(key, count)| (key, u64::try_from(count).unwrap_or(0)))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
