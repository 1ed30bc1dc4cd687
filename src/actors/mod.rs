//! The actors: [`engine`] folds the journal into views, [`live`] sends clients what changes.

pub mod engine;
pub mod live;
