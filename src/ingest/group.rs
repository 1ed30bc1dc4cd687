//! Records that are appended together.

use super::IngestCounts;
use crate::events::Record;

/// Number of records at which a group is appended.
const MAX_GROUP_RECORDS: usize = 16_384;
/// Size in bytes at which a group is appended.
const MAX_GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Records that wait to be appended, and the counts to add afterwards.
#[derive(Debug, Default)]
pub(super) struct Group {
    records: Vec<Record>,
    pub(super) counts: IngestCounts,
    bytes: usize,
}

impl Group {
    pub(super) fn push(&mut self, record: Record) {
        self.bytes = self.bytes.saturating_add(bytes_of(&record));
        self.records.push(record);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// True when the group has to be appended before it grows further.
    pub(super) const fn is_full(&self) -> bool {
        self.records.len() >= MAX_GROUP_RECORDS || self.bytes >= MAX_GROUP_BYTES
    }

    /// Takes the first records, as many as are appended at once. The group may have more: one line
    /// goes to all keywords that it names or matches.
    pub(super) fn take_part(&mut self) -> Vec<Record> {
        let mut bytes = 0_usize;
        let fits = self.records.iter().take_while(|record| {
            let fits = bytes < MAX_GROUP_BYTES;
            bytes = bytes.saturating_add(bytes_of(record));
            fits
        });
        let rest = self.records.split_off(fits.count());
        std::mem::replace(&mut self.records, rest)
    }
}

fn bytes_of(record: &Record) -> usize {
    record.stored.len().saturating_add(record.token.len())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::events::Timestamp;

    #[test]
    fn line_for_many_keywords_is_appended_in_complete_parts() {
        let stored = Bytes::from(vec![0; 60_000]);
        let record = |number: i64| Record {
            received_at: Timestamp::from_millis(number),
            token: Bytes::from_static(b"a"),
            stored: stored.clone(),
        };
        let mut group = Group::default();
        for number in 0..1_000 {
            group.push(record(number));
        }
        let mut taken = Vec::new();
        while !group.is_empty() {
            let part = group.take_part();
            let bytes: usize = part.iter().map(|record| record.stored.len()).sum();
            assert!(!part.is_empty() && bytes < MAX_GROUP_BYTES + 2 * stored.len());
            taken.extend(part.iter().map(|record| record.received_at.millis()));
        }
        assert_eq!(taken, (0..1_000).collect::<Vec<_>>());
    }
}
