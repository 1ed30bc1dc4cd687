//! The labels of metrics. Each has a bounded set of values, so that none is a keyword, a path or an
//! address.

use prometheus_client::encoding::EncodeLabelSet;

/// Labels a metric with a shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ShardLabel {
    /// The number of the shard, from 0.
    pub shard: u32,
}

/// Labels a metric with a kind of actor.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ActorLabel {
    /// The kind of actor, such as `keyword`, `shard` or `reader`.
    pub kind: &'static str,
}

/// Labels a metric with the reason for the end of a session or connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    /// The reason, from a fixed set of words.
    pub reason: &'static str,
}

/// Labels a metric with a cause of waiting.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WaitingLabel {
    /// The thing waited for, from a fixed set of words, such as `journal` or `commit`.
    pub what: &'static str,
}

/// Labels a metric with the route of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabel {
    /// The route's pattern, never the path itself, so that the number of labels stays bounded.
    pub route: &'static str,
}

/// Labels a metric with the route and the status of an answered request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The route's pattern, as in [`RouteLabel`].
    pub route: &'static str,
    /// The HTTP status of the answer.
    pub status: u16,
}
