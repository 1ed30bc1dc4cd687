//! The embedded journal: the bytes that it writes, what a crash leaves, and export and import.

mod crash;
mod golden;
mod transfer;
