//! The events of a Jetstream subscription.

use serde_json::{Value, json};

use super::{Options, POSTS, cid_of, did_of, digits, record, rkey_of};
use crate::sources::stubs::stream::{Feed, Outgoing};
use crate::sources::stubs::world::{Happening, What, World, now_ms};
use crate::sources::stubs::x::rfc3339;

/// The events of a subscription: a replay, if there is a cursor, then live ones.
#[derive(Debug)]
pub struct Events {
    world: World,
    /// Whether the subscription asks for posts.
    pub wants_posts: bool,
    /// The earliest time of an event, in microseconds since 1970.
    since_us: i64,
    /// The next position in the world's log.
    next: usize,
    /// The end of the replay in the world's log.
    seam: usize,
    reorders_at_seam: bool,
    held: Option<Outgoing>,
}

impl Events {
    pub fn from(world: &World, cursor: Option<i64>, options: &Options) -> Self {
        let now = now_ms();
        let seam = world.log_length();
        // A cursor in the future means live. An older one than is kept is clamped without a word.
        // An event of this millisecond is not in the future.
        let replayed = cursor.filter(|cursor| *cursor < (now + 1) * 1_000);
        let oldest = (now - options.lookback_ms) * 1_000;
        Self {
            world: world.clone(),
            wants_posts: true,
            since_us: replayed.map_or(0, |cursor| cursor.max(oldest)),
            next: if replayed.is_some() { 0 } else { seam },
            seam,
            reorders_at_seam: options.reorders_at_seam && replayed.is_some(),
            held: None,
        }
    }

    fn event(&self, happening: Happening) -> Value {
        let post = self.world.get(happening.number).unwrap();
        let mut commit = json!({
            "rev": digits(u64::try_from(happening.at_us).unwrap() << 10, 13),
            "collection": POSTS, "rkey": rkey_of(&post),
        });
        let (operation, version) = match happening.what {
            What::Posted => ("create", Some(0)),
            What::Edited(version) => ("update", Some(version)),
            What::Deleted => ("delete", None),
        };
        commit["operation"] = operation.into();
        if let Some(version) = version {
            commit["cid"] = cid_of(&post).into();
            commit["record"] = record(&self.world, &post, version);
        }
        json!({
            "did": did_of(post.author), "time_us": happening.at_us, "kind": "commit",
            "commit": commit,
        })
    }
}

/// An event that comes whatever the filter: an account's new handle.
fn identity(happening: Happening) -> Value {
    let did = did_of(happening.number % 50);
    json!({
        "did": did, "time_us": happening.at_us, "kind": "identity",
        "identity": {
            "did": did, "handle": "renamed.example", "seq": happening.number,
            "time": rfc3339(happening.at_us / 1_000),
        },
    })
}

impl Feed for Events {
    fn take(&mut self) -> Vec<Outgoing> {
        let more = self.world.log_from(self.next);
        let begin = self.next;
        self.next += more.len();
        let mut due = Vec::new();
        for (position, happening) in (begin..).zip(more) {
            // A replay goes by the time of events; what is not live is not sent after it.
            let is_replay = position < self.seam;
            let is_due = if is_replay {
                happening.at_us >= self.since_us
            } else {
                happening.is_live
            };
            if !is_due {
                continue;
            }
            if happening.number % 20 == 7 {
                due.push(Outgoing {
                    position: None,
                    bytes: identity(happening).to_string().into_bytes(),
                });
            }
            if self.wants_posts {
                let outgoing = Outgoing {
                    position: Some(position),
                    bytes: self.event(happening).to_string().into_bytes(),
                };
                if self.reorders_at_seam && position + 1 == self.seam {
                    self.held = Some(outgoing);
                } else {
                    due.push(outgoing);
                    if !is_replay {
                        due.extend(self.held.take());
                    }
                }
            }
        }
        due
    }

    fn wrap(&self, content: &str) -> Vec<u8> {
        content.as_bytes().to_vec()
    }

    fn keep_alive(&self) -> &'static [u8] {
        b""
    }
}
