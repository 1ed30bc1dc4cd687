//! The sum of all ledgers.

use crate::access::KeywordSet;
use crate::projections::Ledger;
use crate::store::{StoreError, Views};

/// What became of the records of many keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TotalLedger {
    /// The sum of their ledgers, also of keywords that are not tracked any more.
    pub ledger: Ledger,
    /// Records whose subject names no keyword. They are no keyword's, so only the sum over all
    /// keywords counts them.
    pub unaddressed: u64,
}

/// The sum of the ledgers of all keywords that may be counted.
///
/// # Errors
/// [`StoreError`].
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
