//! Mastodon: streams and timelines.
