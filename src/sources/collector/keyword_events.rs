//! What the collector does when the keywords change, or the source is in step with them.

use std::sync::Arc;

use serde_json::json;
use tokio::time::Instant;

use super::super::reconnect::Reconnect;
use super::super::{DestinationError, StreamName, Upkeep, WatchedKeywords};
use super::keywords::KeywordEvent;
use super::stream::{StreamContext, run_stream};
use super::{Collector, CollectorError, Inbox, RunningStream};

impl Collector {
    /// Something happened with the keywords.
    pub(super) fn keyword_event(
        &mut self,
        event: KeywordEvent,
        inbox: &Inbox,
    ) -> Result<(), CollectorError> {
        match event {
            KeywordEvent::Changed(keywords) => {
                self.keywords_changed(keywords);
                Ok(())
            }
            KeywordEvent::InStep(upkeep) => {
                self.in_step(upkeep, inbox);
                Ok(())
            }
            KeywordEvent::Failed { detail, retry_at } => {
                self.standing.rules_failed(retry_at, detail.clone());
                if retry_at.is_none() {
                    self.standing.refused_by_rules = true;
                    return self.refused(detail);
                }
                tracing::warn!(source = %self.options.name, detail, "the source did not answer");
                Ok(())
            }
            KeywordEvent::Known => {
                self.standing.destination_away = None;
                Ok(())
            }
            KeywordEvent::Unknown(DestinationError::Away(reason)) => {
                self.standing.destination_away = Some(reason);
                Ok(())
            }
            KeywordEvent::Unknown(refused) if self.options.stays => {
                self.standing.destination_away = Some(refused.to_string());
                Ok(())
            }
            KeywordEvent::Unknown(refused) => Err(refused.into()),
        }
    }

    fn keywords_changed(&mut self, keywords: WatchedKeywords) {
        let names = keywords.keywords().iter();
        let names = names.map(|watched| watched.keyword.as_str().to_owned());
        self.progress.checkpoint.keyword_order = names.collect();
        self.progress.is_changed = true;
        self.standing.destination_away = None;
        self.standing.tracked = keywords.keywords().len();
        self.watched.send_replace(keywords.clone());
        self.delivery.set_keywords(keywords);
    }

    /// The source is in step with the keywords: starts and ends streams.
    fn in_step(&mut self, upkeep: Upkeep, inbox: &Inbox) {
        let now = self.options.clock.now();
        self.progress.checkpoint.packing.clone_from(&upkeep.packing);
        self.progress.is_changed = true;
        let members = json!({"rules": upkeep.rules, "pending": upkeep.pending.len(),
            "refused": upkeep.refused.len()});
        self.progress.note("source.rules", now, members);
        let wanted: &[StreamName] = if self.runs_streams() {
            &upkeep.streams
        } else {
            &[]
        };
        self.streams.retain(|name, stream| {
            let is_wanted = wanted.contains(name);
            if !is_wanted {
                stream.task.abort();
            }
            is_wanted
        });
        for name in wanted {
            if !self.streams.contains_key(name) {
                let stream = self.start_stream(name.clone(), inbox);
                self.streams.insert(name.clone(), stream);
            }
        }
        self.standing.in_step(upkeep, self.streams.is_empty());
        // The stream that was down may be among those that are not wanted any more.
        if self.are_all_connected() && self.progress.checkpoint.gaps.is_open() {
            self.progress.connected(now);
        }
    }

    /// True when posts come from streams: always, except for a back-fill by requests alone.
    fn runs_streams(&self) -> bool {
        !self.options.without_live || self.progress.is_replaying()
    }

    fn start_stream(&self, name: StreamName, inbox: &Inbox) -> RunningStream {
        let context = StreamContext {
            source: Arc::clone(&self.source),
            reconnect: Reconnect::new(self.options.backoff),
            resume: self.resume.subscribe(),
            gate: self.gate.subscribe(),
            events: inbox.stream_sender.clone(),
            room: Arc::clone(&self.room),
            buffer: self.options.buffer,
            clock: self.options.clock.clone(),
            stays: self.options.stays,
            has_connected: Arc::clone(&self.has_connected),
        };
        RunningStream {
            task: tokio::spawn(run_stream(context, name)),
            is_connected: false,
            last_record: Instant::now(),
        }
    }
}
