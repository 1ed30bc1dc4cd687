//! Registers the server as a NATS micro service. `nats micro ls` lists it, and it answers requests
//! to `tidings.status` with its status.

use std::collections::HashMap;
use std::sync::Arc;

use async_nats::service::{Service, ServiceExt as _};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::task::JoinHandle;

use super::connect_options::JetStreamOptions;
use super::connection::Link;
use crate::journal::JournalError;
use crate::telemetry::whole;

/// The subject of the endpoint.
const STATUS: &str = "tidings.status";
const DESCRIPTION: &str = "Turns a stream of tweets into live, per-keyword knowledge";

/// Returns the status of the server as JSON.
pub type StatusAnswer = Arc<dyn Fn() -> Bytes + Send + Sync>;

/// The registered service, until it is stopped. It has a connection of its own.
#[derive(Debug)]
pub struct MicroService {
    service: Service,
    answering: JoinHandle<()>,
}

impl MicroService {
    /// Starts the service. `address` is the HTTP address of the server.
    ///
    /// # Errors
    /// [`JournalError::Broker`].
    pub async fn start(
        options: &JetStreamOptions,
        address: &str,
        status: StatusAnswer,
    ) -> Result<Self, JournalError> {
        let failed = |error: async_nats::Error| JournalError::Broker {
            action: "register tidings as a service",
            reason: error.to_string(),
        };
        let link = Link::open(options, "tidings status").await?;
        let service = link
            .client
            .service_builder()
            .description(DESCRIPTION)
            .metadata(HashMap::from([("http".to_owned(), address.to_owned())]))
            .start("tidings", env!("CARGO_PKG_VERSION"))
            .await
            .map_err(failed)?;
        let endpoint = service.endpoint_builder().name("status");
        let mut endpoint = endpoint.add(STATUS).await.map_err(failed)?;
        // After the flush the server has the endpoint, so the caller can announce the start.
        link.client
            .flush()
            .await
            .map_err(|error| failed(error.into()))?;
        let answering = tokio::spawn(async move {
            while let Some(request) = endpoint.next().await {
                if let Err(error) = request.respond(Ok(status())).await {
                    tracing::debug!(error = %whole(&error), "a request for the status could not \
                        be answered");
                }
            }
        });
        Ok(Self { service, answering })
    }

    /// Stops the service.
    pub async fn stop(self) {
        if let Err(error) = self.service.stop().await {
            tracing::debug!(error = %whole(error.as_ref()), "the service had already ended");
        }
        self.answering.abort();
    }
}
