//! Tests of the HTTP interface over real connections.

mod access;
mod clock;
mod dashboard;
mod edge;
mod holders;
mod keyword_names;
mod live;
mod moving_topics;
mod openapi;
mod overviews;
mod pressure;
mod problems;
mod recomputation;
mod related;
mod rules;
mod scans;
mod sources;
mod spikes;
mod subscriber;
mod texts;
mod topics;
mod tweets;
mod views;
