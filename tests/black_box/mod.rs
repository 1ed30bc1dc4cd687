//! The built binary from outside: processes, files, and HTTP over the loopback.

mod background_damage;
mod backups;
mod commands;
mod crashes;
mod deleted_words;
mod demo;
mod foreign_text;
mod hostile_input;
mod journal_damage;
mod keywords;
mod open_files;
mod rejected;
mod sample;
mod settings;
mod shown_keyword;
mod sources;
mod stalls;
mod stopping;
mod system_calls;
mod totals;
mod views_damage;
mod views_ls;
