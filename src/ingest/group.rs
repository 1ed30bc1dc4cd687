//! Records that are appended together.

use super::IngestCounts;
use crate::events::Record;

/// Records are appended when there are so many …
const MAX_GROUP_RECORDS: usize = 16_384;
/// … or when they have so many bytes.
const MAX_GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Records that wait to be appended, and what is to be counted once they are.
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

    /// It is to be appended before it grows any more.
    pub(super) const fn is_full(&self) -> bool {
        self.records.len() >= MAX_GROUP_RECORDS || self.bytes >= MAX_GROUP_BYTES
    }

    /// Takes as many records from the front as are to be appended at once. There may be more than
    /// that: one line goes to as many keywords as it names or matches.
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
    fn a_line_for_many_keywords_is_appended_in_parts_that_leave_nothing_out() {
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
