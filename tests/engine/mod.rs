//! The running engine: folding, healing, the limit of keywords, and views of an older version.

mod backgrounds;
mod folding;
mod healing;
mod keywords_max;
mod previous_views;
mod rules;
mod untracking;
