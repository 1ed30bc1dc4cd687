//! `GET /ledger`: the number of all records by outcome.

use schemars::JsonSchema;
use serde::Serialize;

use super::ledger::LedgerAnswer;
use crate::access::KeywordSet;
use crate::events::Timestamp;
use crate::http::lanes::Lane;
use crate::http::parameter::Parameter;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{AcrossResource, Live, Resource};
use crate::queries::{QueryError, total_ledger};
use crate::store::Views;

/// A query for the sum of all ledgers.
#[derive(Debug, Clone)]
pub struct AllLedgers;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LedgerOfAll")]
pub struct TotalLedgerAnswer {
    #[serde(flatten)]
    ledger: LedgerAnswer,
    /// Records whose subject names no keyword
    unaddressed: u64,
}

impl Resource for AllLedgers {
    const NAME: &'static str = "ledgerOfAll";
    const PATH: &'static str = "/api/v1/ledger";
    const SUMMARY: &'static str = "The number of all records by outcome";
    const PARAMETERS: &'static [Parameter] = &[];
    const LIVE: Live = Live::None;

    type Answer = TotalLedgerAnswer;

    fn read(_: &Query, _: Timestamp) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl AcrossResource for AllLedgers {
    const LANE: Lane = Lane::List;

    fn answer(
        &self,
        views: &Views,
        countable: &KeywordSet,
        _: Timestamp,
    ) -> Result<TotalLedgerAnswer, QueryError> {
        let total = total_ledger(views, countable)?;
        Ok(TotalLedgerAnswer {
            ledger: total.ledger.into(),
            unaddressed: total.unaddressed,
        })
    }
}
