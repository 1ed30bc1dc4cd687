//! The sum of the ledgers of all keywords.

use crate::access::KeywordSet;
use crate::projections::Ledger;
use crate::store::{StoreError, Views};

/// The number of records by outcome, over many keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TotalLedger {
    /// The sum of the ledgers of all countable keywords, including untracked ones.
    pub ledger: Ledger,
    /// Number of records whose token names no keyword. It is 0 unless all keywords are countable.
    pub unaddressed: u64,
}

/// Returns the sum of the ledgers of all countable keywords.
///
/// # Errors
/// [`StoreError`] when the views cannot be read.
pub fn total_ledger(views: &Views, countable: &KeywordSet) -> Result<TotalLedger, StoreError> {
    let mut ledger = Ledger::default();
    views.keywords_with(|keyword, summary| {
        if countable.contains(keyword) {
            ledger.add(&summary.ledger);
        }
        None::<()>
    })?;
    let unaddressed = if countable.is_all() {
        views.unaddressed()?
    } else {
        0
    };
    Ok(TotalLedger {
        ledger,
        unaddressed,
    })
}
