//! `GET …/ledger`: the number of a keyword's records by outcome.

use schemars::JsonSchema;
use serde::Serialize;

use crate::events::{Keyword, Timestamp};
use crate::http::parameter::Parameter;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{KeywordResource, Resource};
use crate::projections::{KeywordSummary, Ledger, Rows, RowsError};
use crate::queries::Untracked;

/// A query for the ledger of one keyword.
#[derive(Debug, Clone)]
pub struct KeywordLedger;

/// journaled = folded + duplicate + ignored + rejected
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Ledger")]
pub struct LedgerAnswer {
    journaled: u64,
    folded: u64,
    duplicate: u64,
    ignored: u64,
    rejected: u64,
    deleted: u64,
}

impl From<Ledger> for LedgerAnswer {
    fn from(ledger: Ledger) -> Self {
        Self {
            journaled: ledger.journaled,
            folded: ledger.folded,
            duplicate: ledger.duplicate,
            ignored: ledger.ignored,
            rejected: ledger.rejected,
            deleted: ledger.deleted,
        }
    }
}

impl Resource for KeywordLedger {
    const NAME: &'static str = "ledger";
    const PATH: &'static str = "/api/v1/keywords/{token}/ledger";
    const SUMMARY: &'static str = "The number of a keyword's records by outcome";
    const DESCRIPTION: &'static str = "Answers also for a keyword that isn't tracked any more.";
    const PARAMETERS: &'static [Parameter] = &[];

    type Answer = LedgerAnswer;

    fn read(_: &Query, _: Timestamp) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl KeywordResource for KeywordLedger {
    const UNTRACKED: Untracked = Untracked::Answered;

    fn query(
        self,
        _: Keyword,
        _: Timestamp,
    ) -> impl FnMut(&KeywordSummary, &dyn Rows) -> Result<LedgerAnswer, RowsError> + Send + 'static
    {
        |summary: &KeywordSummary, _: &dyn Rows| Ok(summary.ledger.into())
    }
}
