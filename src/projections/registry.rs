//! The registry of projections, and what the store and the tests derive from it.
//!
//! In: the list of projections in `projections/mod.rs`. Out: the calls of the fold, the fold
//! version, and the formats of all rows.

use super::Projections;
use super::ids;
use super::keys::background;
use super::projection::Projection;
use super::row_format::RowFormat;
use super::rows::{RowKey, RowKind, Rows, RowsError};
use super::summary::KeywordSummary;

/// The version of what belongs to no projection: outcomes, summary, ids, and the rows that a store
/// keeps for a shard. It grows with each change of these. When a projection is removed, its version
/// is added here.
const CORE_VERSION: u32 = 7;

/// The fold version, a part of the epoch. It changes whenever the same events would give other
/// rows, or the store would keep them in another way. A new projection changes it too.
pub const FOLD_VERSION: u32 = CORE_VERSION + sum_of_versions(Projections::ALL);

const fn sum_of_versions(projections: &[Registered]) -> u32 {
    match projections {
        [first, others @ ..] => first.version + sum_of_versions(others),
        [] => 0,
    }
}

/// An entry of the registry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registered {
    pub(crate) version: u32,
    pub(crate) since: u32,
    pub(crate) formats: &'static [RowFormat],
    pub(crate) digest: fn(&dyn Rows, &KeywordSummary, &mut blake3::Hasher) -> Result<(), RowsError>,
}

impl Registered {
    pub(crate) const fn of<P: Projection>() -> Self {
        Self {
            version: P::VERSION,
            since: P::SINCE,
            formats: P::FORMATS,
            digest: P::digest,
        }
    }
}

/// Makes the struct with the state of every listed projection for one keyword. Its methods call the
/// projections in the order of the list.
macro_rules! projections {
    ($($field:ident: $projection:ty,)+) => {
        /// The state of all projections of one keyword.
        #[derive(Debug, Default)]
        pub(crate) struct Projections {
            $(pub(crate) $field: $projection,)+
        }

        impl Projections {
            /// The entries of all projections, in the order of the list.
            pub(crate) const ALL: &'static [registry::Registered] =
                &[$(registry::Registered::of::<$projection>(),)+];

            pub(crate) fn hydrate(rows: &dyn Rows) -> Result<Self, RowsError> {
                Ok(Self { $($field: Projection::hydrate(rows)?,)+ })
            }

            pub(crate) fn posted(
                &mut self,
                rows: &dyn Rows,
                tweet: &FoldedTweet<'_>,
            ) -> Result<(), RowsError> {
                $(Projection::posted(&mut self.$field, rows, tweet)?;)+
                Ok(())
            }

            pub(crate) fn engaged(
                &mut self,
                rows: &dyn Rows,
                tweet: &FoldedTweet<'_>,
                change: &MetricsChange,
            ) -> Result<(), RowsError> {
                $(Projection::engaged(&mut self.$field, rows, tweet, change)?;)+
                Ok(())
            }

            pub(crate) fn deleted(
                &mut self,
                rows: &dyn Rows,
                tweet: &FoldedTweet<'_>,
            ) -> Result<(), RowsError> {
                $(Projection::deleted(&mut self.$field, rows, tweet)?;)+
                Ok(())
            }

            pub(crate) fn cleared(&mut self) {
                $(Projection::cleared(&mut self.$field);)+
            }

            pub(crate) fn take_row_changes(
                &mut self,
                out: &mut Vec<RowChange>,
            ) -> Result<(), RowsError> {
                $(Projection::take_row_changes(&mut self.$field, out)?;)+
                Ok(())
            }
        }
    };
}
pub(super) use projections;

/// The formats of all rows of a keyword: the summary, the ids, and the rows of every projection.
pub fn row_formats() -> impl Iterator<Item = &'static RowFormat> {
    let of_projections = Projections::ALL.iter().flat_map(|one| one.formats);
    [&KeywordSummary::FORMAT]
        .into_iter()
        .chain(ids::FORMATS)
        .chain(of_projections)
}

/// The first version of the fold whose rows of this kind can answer queries.
pub(super) fn kept_since(kind: RowKind) -> u32 {
    let is_of = |formats: &[RowFormat]| formats.iter().any(|format| format.kind == kind);
    if is_of(&background::FORMATS) {
        return background::SINCE;
    }
    let mut projections = Projections::ALL.iter();
    let keeper = projections.find(|one| is_of(one.formats));
    keeper.map_or(0, |projection| projection.since)
}

/// Packs a row for the store to write; `None` when the row is written unchanged.
pub fn pack_row(kind: RowKind, row: &[u8]) -> Option<Vec<u8>> {
    let format = row_formats().find(|format| format.kind == kind)?;
    format.pack?(row)
}

impl std::fmt::Display for RowKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut formats = row_formats().chain(&background::FORMATS);
        match formats.find(|format| format.kind == self.kind()) {
            Some(format) => f.write_str(format.name)?,
            None => write!(f, "of kind {}", self.kind().number().escape_ascii())?,
        }
        if !self.suffix().is_empty() {
            f.write_str(" ")?;
        }
        self.suffix()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests;
