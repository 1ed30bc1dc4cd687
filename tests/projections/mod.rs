//! The folds and their queries, held against a model of one keyword.

mod folds;
mod model;
