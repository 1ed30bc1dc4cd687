//! Current metrics of statuses, asked for in bulk.

use std::collections::HashSet;

use super::MastodonSource;
use super::status::Status;
use crate::events::{Event, Timestamp, TweetEngaged, TweetId};
use crate::sources::{ConnectError, web};

/// The number of statuses of one request, the most that a server gives.
const BULK: usize = 20;

impl MastodonSource {
    /// Asks for the metrics of tweets. Tweets of other servers are left out. Returns an event for
    /// each tweet that exists, and the ids of the others.
    pub(super) async fn current_metrics(
        &self,
        ids: &[TweetId],
        now: Timestamp,
    ) -> Result<(Vec<Event>, Vec<TweetId>), ConnectError> {
        let own = ids.iter().filter_map(|id| {
            let status = self.mapping.status_id(id)?;
            Some((id, status))
        });
        let own: Vec<(&TweetId, &str)> = own.collect();
        let (mut events, mut gone) = (Vec::new(), Vec::new());
        for asked in own.chunks(BULK) {
            let Some(statuses) = self.statuses(asked).await? else {
                break;
            };
            for (id, status) in asked {
                match statuses.iter().find(|found| found.id.0 == *status) {
                    Some(found) if !found.metrics().is_empty() => {
                        events.push(Event::TweetEngaged(TweetEngaged {
                            id: (*id).clone(),
                            at: now,
                            metrics: found.metrics(),
                        }));
                    }
                    Some(_) => {}
                    None => gone.push((*id).clone()),
                }
            }
        }
        Ok((events, gone))
    }

    /// The statuses with these ids that exist; `None` when the server does not have this request,
    /// which Mastodon has since version 4.3.
    async fn statuses(
        &self,
        asked: &[(&TweetId, &str)],
    ) -> Result<Option<Vec<Status>>, ConnectError> {
        let ids: HashSet<&str> = asked.iter().map(|(_, status)| *status).collect();
        let mut ids: Vec<&str> = ids.into_iter().collect();
        ids.sort_unstable();
        let parameters: Vec<(String, String)> = ids
            .into_iter()
            .map(|id| ("id[]".to_owned(), id.to_owned()))
            .collect();
        let request = self.api.get(&["api", "v1", "statuses"], &parameters);
        let answer = web::ask(request, "statuses", &self.requests).await?;
        match answer.status {
            200..=299 => {}
            404 | 405 => {
                tracing::warn!(
                    "the server cannot be asked for several statuses at once: no refresh"
                );
                return Ok(None);
            }
            _ => return Err(web::refusal(&answer)),
        }
        let found = serde_json::from_slice(&answer.body);
        found
            .map(Some)
            .map_err(|error| ConnectError::Form(format!("no array of statuses: {error}")))
    }
}
