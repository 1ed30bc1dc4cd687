//! Views of an older version, which answer until this version's views have caught up.

mod answering;
mod other_settings;
mod publishing;
pub mod scene;
mod subscriptions;
