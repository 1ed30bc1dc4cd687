//! The folds and their queries, compared with a model of one keyword.

mod folds;
mod model;
mod spikes;
mod traces;
