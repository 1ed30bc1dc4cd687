//! What the streams of X send.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::posts::{Fields, id_of, rfc3339, subject};
use super::{Site, rules::Rules};
use crate::sources::stubs::stream::{Feed, Outgoing};
use crate::sources::stubs::world::{Happening, What, World};

/// A post that matched rules when it was written.
#[derive(Debug, Clone)]
pub struct Matched {
    /// The position in the world's log.
    pub position: usize,
    pub happening: Happening,
    /// The ids and tags of the rules.
    pub rules: Vec<(String, String)>,
}

/// Matches every new post with the rules of that moment, until the stub ends.
pub async fn follow(site: Arc<Site>) {
    let mut length = site.base.world.length();
    let mut position = 0;
    loop {
        length.mark_unchanged();
        for happening in site.base.world.log_from(position) {
            let matched = matched(&site.base.world, &site.rules.lock().unwrap(), happening);
            if !matched.is_empty() {
                site.matched.lock().unwrap().push(Matched {
                    position,
                    happening,
                    rules: matched,
                });
            }
            position += 1;
        }
        let count = site.matched.lock().unwrap().len();
        site.count.send_replace(count);
        if length.changed().await.is_err() {
            return;
        }
    }
}

fn matched(world: &World, rules: &Rules, happening: Happening) -> Vec<(String, String)> {
    if !happening.is_live {
        return Vec::new();
    }
    let version = match happening.what {
        What::Posted => 0,
        What::Edited(version) => version,
        What::Deleted => return Vec::new(),
    };
    let post = world.get(happening.number).unwrap();
    let matching = rules.matching(&subject(world, &post, version));
    let matching = matching.into_iter();
    matching
        .map(|rule| (rule.id.clone(), rule.tag.clone()))
        .collect()
}

/// The place of a filtered stream among those that count as open; free when it is dropped.
#[derive(Debug)]
pub struct Place {
    pub site: Arc<Site>,
    /// Time for which the place is still taken after the end of the stream.
    pub linger: Duration,
}

impl Drop for Place {
    fn drop(&mut self) {
        let site = Arc::clone(&self.site);
        let free = move || site.open.fetch_sub(1, Ordering::SeqCst);
        match (tokio::runtime::Handle::try_current(), self.linger) {
            (Ok(runtime), linger) if !linger.is_zero() => {
                runtime.spawn(async move {
                    tokio::time::sleep(linger).await;
                    free();
                });
            }
            _ => {
                free();
            }
        }
    }
}

/// The filtered stream.
pub struct Filtered {
    pub place: Option<Place>,
    pub site: Arc<Site>,
    pub fields: Fields,
    /// The index of the next matched post.
    pub next: usize,
}

impl Filtered {
    /// Tells when there may be more.
    pub fn changed(&self) -> watch::Receiver<usize> {
        self.site.count.subscribe()
    }

    fn record(&self, matched: &Matched) -> Value {
        let world = &self.site.base.world;
        let post = world.get(matched.happening.number).unwrap();
        let version = match matched.happening.what {
            What::Edited(version) => version,
            What::Posted | What::Deleted => 0,
        };
        let rules = matched.rules.iter();
        let rules = rules.map(|(id, tag)| json!({ "id": id, "tag": tag }));
        let mut record = json!({
            "data": self.fields.post(world, &post, version),
            "matching_rules": rules.collect::<Vec<_>>(),
        });
        if let Some(includes) = self.fields.includes(world, &[&post]) {
            record["includes"] = includes;
        }
        record
    }
}

impl Feed for Filtered {
    fn take(&mut self) -> Vec<Outgoing> {
        let more = self.site.matched.lock().unwrap()[self.next..].to_vec();
        self.next += more.len();
        let records = more.iter().map(|matched| Outgoing {
            position: Some(matched.position),
            bytes: line(&self.record(matched)),
        });
        records.collect()
    }

    fn wrap(&self, content: &str) -> Vec<u8> {
        format!("{content}\r\n").into_bytes()
    }

    fn keep_alive(&self) -> &'static [u8] {
        b"\r\n"
    }

    fn leave(&mut self) {
        self.place = None;
    }

    fn disconnect(&self) -> Option<Vec<u8>> {
        let error = json!({
            "title": "operational-disconnect",
            "disconnect_type": "UpstreamOperationalDisconnect",
            "detail": "This stream has been disconnected for operational reasons.",
            "type": "https://api.x.com/2/problems/operational-disconnect",
        });
        Some(line(&json!({ "errors": [error] })))
    }
}

/// A compliance stream: the deletions of one partition.
pub struct Compliance {
    pub world: World,
    pub partition: u64,
    /// The next position in the world's log.
    pub next: usize,
}

impl Feed for Compliance {
    fn take(&mut self) -> Vec<Outgoing> {
        let more = self.world.log_from(self.next);
        let begin = self.next;
        self.next += more.len();
        let deletions = more.iter().enumerate().filter(|(_, happening)| {
            happening.what == What::Deleted && happening.number % 4 + 1 == self.partition
        });
        let records = deletions.map(|(offset, happening)| {
            let post = self.world.get(happening.number).unwrap();
            let tweet = json!({ "id": id_of(&post, 0), "author_id": post.author.to_string() });
            let at = rfc3339(happening.at_us / 1_000);
            let delete = json!({ "delete": { "tweet": tweet, "event_at": at } });
            Outgoing {
                position: Some(begin + offset),
                bytes: line(&json!({ "data": delete })),
            }
        });
        records.collect()
    }

    fn wrap(&self, content: &str) -> Vec<u8> {
        format!("{content}\r\n").into_bytes()
    }

    fn keep_alive(&self) -> &'static [u8] {
        b"\r\n"
    }
}

fn line(record: &Value) -> Vec<u8> {
    format!("{record}\r\n").into_bytes()
}
