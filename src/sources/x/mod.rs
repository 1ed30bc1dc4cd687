//! X API v2.
