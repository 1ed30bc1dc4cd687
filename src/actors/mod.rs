//! The actors: [`engine`] folds the journal into views, [`live`] sends the changes to clients.

pub mod engine;
pub mod live;
