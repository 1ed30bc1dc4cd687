//! The events of a stream, and which statuses a stream or a timeline shows.

use super::{hashtags, id_of, is_local, status};
use crate::sources::stubs::http::Request;
use crate::sources::stubs::stream::{Feed, Outgoing};
use crate::sources::stubs::world::{Happening, Post, What, World};

/// Which statuses a stream or a timeline shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    Public,
    Local,
    Remote,
    Hashtag(String),
}

impl Channel {
    pub fn of_stream(request: &Request) -> Option<Self> {
        match request.path.strip_prefix("/api/v1/streaming/")? {
            "public" => Some(Self::Public),
            "public/local" => Some(Self::Local),
            "public/remote" => Some(Self::Remote),
            "hashtag" => request
                .parameter("tag")
                .map(|tag| Self::Hashtag(tag.to_lowercase())),
            _ => None,
        }
    }

    pub fn of_timeline(request: &Request) -> Option<Self> {
        let path = request.path.strip_prefix("/api/v1/timelines/")?;
        if let Some(tag) = path.strip_prefix("tag/") {
            return Some(Self::Hashtag(tag.to_lowercase()));
        }
        let is_set = |name| request.parameter(name) == Some("true");
        match (path, is_set("local"), is_set("remote")) {
            ("public", true, _) => Some(Self::Local),
            ("public", _, true) => Some(Self::Remote),
            ("public", _, _) => Some(Self::Public),
            _ => None,
        }
    }

    pub fn shows(&self, post: &Post) -> bool {
        match self {
            Self::Public => true,
            Self::Local => is_local(post),
            Self::Remote => !is_local(post),
            Self::Hashtag(tag) => hashtags(post.text()).contains(tag),
        }
    }
}

/// The events of a stream.
#[derive(Debug)]
pub struct Events {
    pub world: World,
    pub channel: Channel,
    /// The next position in the world's log.
    pub next: usize,
}

impl Events {
    fn event(&self, happening: Happening, post: &Post) -> Vec<u8> {
        let of_version =
            |name: &str, version| event(name, &status(&self.world, post, version).to_string());
        match happening.what {
            What::Posted => of_version("update", 0),
            What::Edited(version) => of_version("status.update", version),
            What::Deleted => event("delete", &id_of(post)),
        }
    }
}

fn event(name: &str, data: &str) -> Vec<u8> {
    format!("event: {name}\ndata: {data}\n\n").into_bytes()
}

impl Feed for Events {
    fn take(&mut self) -> Vec<Outgoing> {
        let more = self.world.log_from(self.next);
        let begin = self.next;
        self.next += more.len();
        let mut due = Vec::new();
        for (position, happening) in (begin..).zip(more) {
            let post = self.world.get(happening.number).unwrap();
            // A deletion is told to every stream. Reblogs are not in public streams.
            let is_deletion = happening.what == What::Deleted;
            let is_shown = self.channel.shows(&post) && post.repost_of.is_none();
            if happening.is_live && (is_deletion || is_shown) {
                due.push(Outgoing {
                    position: Some(position),
                    bytes: self.event(happening, &post),
                });
            }
            if happening.number % 50 == 11 {
                due.push(Outgoing {
                    position: None,
                    bytes: event("filters_changed", "undefined"),
                });
            }
        }
        due
    }

    fn wrap(&self, content: &str) -> Vec<u8> {
        event("update", content)
    }

    fn keep_alive(&self) -> &'static [u8] {
        b":thump\n"
    }

    fn run_together(&self) -> Option<Vec<u8>> {
        let text = "event: update\nevent: update\ndata: {\"id\":\"1\"}data: {\"id\":\"2\"}\n\n";
        Some(text.as_bytes().to_vec())
    }
}
