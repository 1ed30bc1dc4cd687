//! The format of the rows of one kind: number, name, versions and packing.

use super::rows::{RowKey, RowKind, RowsError};
use crate::events::Sequence;

/// Makes a row smaller before a store writes it; `None` keeps the row unchanged.
pub type PackRow = fn(&[u8]) -> Option<Vec<u8>>;

/// The format of the rows of one kind. The module that keeps the rows declares it.
#[derive(Debug, Clone, Copy)]
pub struct RowFormat {
    /// The kind.
    pub kind: RowKind,
    /// The name of the kind in error texts.
    pub name: &'static str,
    /// The versions with which rows of this kind begin. New rows begin with the first one, unless
    /// the projection says otherwise. Bare versions ([`RowFormat::open_or_bare`]) are not listed.
    pub versions: &'static [u8],
    /// How a store packs a row. The store packs a row once for all changes that it writes together.
    pub pack: Option<PackRow>,
}

/// Bytes of [`RowFormat::begin`]: the version, then a sequence in big-endian order.
pub const ROW_HEADER_BYTES: usize = 1 + 8;

impl RowFormat {
    /// Begins a row of the newest version: the version, then `changed_at`. That is the sequence of
    /// the last event that changed the content of the row. It is not the sequence of a commit, so
    /// any split of the events into batches gives the same row.
    ///
    /// Every row begins like this.
    pub fn begin(&self, changed_at: Sequence) -> Vec<u8> {
        let newest = self.versions.first().copied().unwrap_or_default();
        self.begin_as(newest, changed_at, 0)
    }

    /// Does the same as [`RowFormat::begin`] for any version of the format. Reserves room for
    /// `body_bytes` more bytes.
    pub fn begin_as(&self, version: u8, changed_at: Sequence, body_bytes: usize) -> Vec<u8> {
        debug_assert!(self.versions.contains(&version), "version {version}");
        let mut row = Vec::with_capacity(ROW_HEADER_BYTES.saturating_add(body_bytes));
        row.push(version);
        row.extend_from_slice(&changed_at.get().to_be_bytes());
        row
    }

    /// Reads what [`RowFormat::begin`] wrote. Returns the version, `changed_at`, and the rest of
    /// the row.
    ///
    /// # Errors
    /// [`RowsError::Damaged`] when the row is cut, or its version is not one of the format's.
    pub fn open<'r>(
        &self,
        key: &RowKey,
        row: &'r [u8],
    ) -> Result<(u8, Sequence, &'r [u8]), RowsError> {
        let damaged = |what| RowsError::damaged(key, what);
        let (version, rest) = row.split_first().ok_or_else(|| damaged("empty"))?;
        if !self.versions.contains(version) {
            return Err(damaged("unknown version"));
        }
        let (changed_at, body) = rest
            .split_first_chunk::<8>()
            .ok_or_else(|| damaged("no sequence"))?;
        let changed_at = Sequence::new(u64::from_be_bytes(*changed_at));
        Ok((*version, changed_at, body))
    }

    /// Does the same as [`RowFormat::open`], and also reads rows of the `bare` versions. Such a row
    /// begins with the version alone, and its `changed_at` is [`Sequence::ZERO`]. The views of an
    /// earlier tidings have such rows, and answer until the views of this version have caught up.
    ///
    /// # Errors
    /// As [`RowFormat::open`].
    pub fn open_or_bare<'r>(
        &self,
        bare: &[u8],
        key: &RowKey,
        row: &'r [u8],
    ) -> Result<(u8, Sequence, &'r [u8]), RowsError> {
        match row.split_first() {
            Some((version, body)) if bare.contains(version) => Ok((*version, Sequence::ZERO, body)),
            _ => self.open(key, row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: RowFormat = RowFormat {
        kind: RowKind::new(b'?'),
        name: "test",
        versions: &[2, 1],
        pack: None,
    };

    #[test]
    fn row_begins_with_version_and_sequence_of_the_last_change() {
        let mut row = FORMAT.begin(Sequence::new(0x0102_0304));
        row.push(9);
        assert_eq!(row, [2, 0, 0, 0, 0, 1, 2, 3, 4, 9]);
        let key = RowKey::of_kind(FORMAT.kind);
        let opened = FORMAT.open(&key, &row).unwrap();
        assert_eq!(opened, (2, Sequence::new(0x0102_0304), &[9][..]));
    }

    #[test]
    fn bare_rows_have_no_sequence() {
        let key = RowKey::of_kind(FORMAT.kind);
        let opened = FORMAT.open_or_bare(&[7], &key, &[7, 9]).unwrap();
        assert_eq!(opened, (7, Sequence::ZERO, &[9][..]));
        let row = FORMAT.begin_as(1, Sequence::new(5), 10);
        let opened = FORMAT.open_or_bare(&[7], &key, &row).unwrap();
        assert_eq!(opened, (1, Sequence::new(5), &[][..]));
        for damaged in [&[][..], &[8, 9]] {
            assert!(FORMAT.open_or_bare(&[7], &key, damaged).is_err());
        }
    }

    #[test]
    fn cut_rows_and_rows_of_unknown_versions_are_damaged() {
        let key = RowKey::of_kind(FORMAT.kind);
        let row = FORMAT.begin(Sequence::new(7));
        for damaged in [&[][..], &row[..8], &[&[3], &row[1..]].concat()] {
            assert!(FORMAT.open(&key, damaged).is_err(), "{damaged:?}");
        }
    }
}
