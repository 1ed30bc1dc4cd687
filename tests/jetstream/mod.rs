//! The journal in NATS JetStream: the built binary against real nats-server processes.
//!
//! [`nats`] starts, kills and asks nats-server, with a client that can also send what a correct
//! client cannot.

pub mod nats;
mod proxy;

mod access;
mod another_stream;
mod balancer;
mod cluster;
mod configuration;
mod earlier_tokens;
mod equal_journals;
mod guide;
mod holes;
mod hostile_publishers;
mod micro;
mod network;
mod outages;
mod permissions;
mod port;
mod publishers;
mod replicas;
mod same_views;
mod sources;
mod stopping;
