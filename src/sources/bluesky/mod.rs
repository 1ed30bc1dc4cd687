//! Bluesky: Jetstream, searches, profiles.
