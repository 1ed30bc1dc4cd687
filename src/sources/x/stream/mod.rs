//! Streams of X: one JSON object a line, and a blank line at least every 20 s.
//!
//! In: the pieces of a body. Out: records and keep-alives, what was read, and the end of the
//! connection, which X announces in a line or not at all.

use async_trait::async_trait;
use reqwest::Response;

use super::api::XApi;
use super::lines::{Line, LineSplitter};
use super::mapping::{StreamLine, fields, read_line};
use crate::sources::web::network;
use crate::sources::{
    Arrival, ConnectError, Connection, ConnectionEnd, Cost, Rejection, SourceRecord, StreamName,
};

/// The number of compliance streams. Each has a part of the events.
const PARTITIONS: u8 = 4;
/// The stream of posts that match a rule.
const POSTS: &str = "posts";
/// The beginning of the names of compliance streams; the number of the partition follows.
const COMPLIANCE: &str = "compliance-";

/// The streams of X.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum XStream {
    /// Posts that match a rule.
    Posts,
    /// The events of a partition of the compliance stream, from 1 on.
    Compliance(u8),
}

impl XStream {
    /// The streams of the collector, with or without compliance.
    pub(super) fn all(compliance: bool) -> Vec<StreamName> {
        let partitions = if compliance { PARTITIONS } else { 0 };
        let of_compliance = (1..=partitions).map(Self::Compliance);
        let streams = std::iter::once(Self::Posts).chain(of_compliance);
        streams.map(Self::name).collect()
    }

    fn name(self) -> StreamName {
        StreamName(match self {
            Self::Posts => POSTS.to_owned(),
            Self::Compliance(partition) => format!("{COMPLIANCE}{partition}"),
        })
    }

    /// The stream of this name.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when X has no such stream.
    pub(super) fn named(name: &StreamName) -> Result<Self, ConnectError> {
        let partition = name.0.strip_prefix(COMPLIANCE).and_then(|n| n.parse().ok());
        match partition {
            None if name.0 == POSTS => Ok(Self::Posts),
            Some(partition @ 1..=PARTITIONS) => Ok(Self::Compliance(partition)),
            _ => Err(ConnectError::Unusable(format!(
                "X has no stream {:?}",
                name.0
            ))),
        }
    }

    /// Opens the stream. X sends what it sent in the last `backfill_minutes` first.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) async fn open(
        self,
        api: &XApi,
        backfill_minutes: u32,
    ) -> Result<XConnection, ConnectError> {
        let (endpoint, path, mut query) = match self {
            Self::Posts => ("search/stream", "/2/tweets/search/stream", fields()),
            Self::Compliance(partition) => (
                "compliance/stream",
                "/2/tweets/compliance/stream",
                vec![("partition", partition.to_string())],
            ),
        };
        if backfill_minutes > 0 {
            query.push(("backfill_minutes", backfill_minutes.to_string()));
        }
        let response = api.open_stream(endpoint, path, &query).await?;
        Ok(XConnection {
            response,
            lines: LineSplitter::default(),
            cost: Cost::default(),
            end: None,
        })
    }
}

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub(super) struct XConnection {
    response: Response,
    lines: LineSplitter,
    /// What was read since the cost was last taken.
    cost: Cost,
    /// The end that a line announced. It is given out after the records before it.
    end: Option<ConnectionEnd>,
}

impl XConnection {
    /// The record of a line; `None` for a keep-alive.
    fn record(&mut self, line: Line) -> Option<SourceRecord> {
        let read = match line {
            Line::Blank => return None,
            Line::Whole(line) => read_line(&line),
            Line::TooLong { beginning, length } => {
                let reason = format!("a record of {length} bytes; the maximum is 1 MiB");
                StreamLine::rejected(beginning, Rejection::new(reason))
            }
        };
        self.cost.posts = self.cost.posts.saturating_add(read.cost.posts);
        self.cost.users = self.cost.users.saturating_add(read.cost.users);
        if self.end.is_none() {
            self.end = read.end;
        }
        Some(read.record)
    }
}

#[async_trait]
impl Connection for XConnection {
    async fn next(&mut self) -> Result<Arrival, ConnectionEnd> {
        if let Some(end) = &self.end {
            return Err(end.clone());
        }
        let bytes = match self.response.chunk().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(ConnectionEnd::Closed),
            Err(error) => return Err(failure(&error)),
        };
        let lines = self.lines.push(&bytes).into_iter();
        let records: Vec<SourceRecord> = lines.filter_map(|line| self.record(line)).collect();
        Ok(match records.is_empty() {
            true => Arrival::KeepAlive,
            false => Arrival::Records(records),
        })
    }

    fn take_cost(&mut self) -> Cost {
        std::mem::take(&mut self.cost)
    }
}

fn failure(error: &reqwest::Error) -> ConnectionEnd {
    match network(error) {
        ConnectError::Network(cause) => ConnectionEnd::Failed(cause),
        other => ConnectionEnd::Refused(other),
    }
}

#[cfg(test)]
mod tests;
