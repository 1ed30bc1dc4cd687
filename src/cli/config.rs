//! `tidings config show`: the settings in force, and where each came from.

use std::collections::BTreeMap;

use clap::Subcommand;
use serde::Serialize;

use super::Invocation;
use super::failure::Outcome;
use super::output::table;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// The merged settings, each with where its value came from
    Show,
}

#[derive(Debug, Serialize)]
struct Setting<'a> {
    value: &'a toml::Value,
    from: String,
}

pub(super) fn run(action: &Action, invocation: &Invocation) -> anyhow::Result<Outcome> {
    let Action::Show = action;
    let settings: BTreeMap<&str, Setting<'_>> = invocation
        .layers
        .entries()
        .map(|(key, entry)| {
            let from = entry.place.to_string();
            let value = &entry.value;
            (key, Setting { value, from })
        })
        .collect();
    invocation.output.show(&settings, |settings| {
        let rows: Vec<_> = settings
            .iter()
            .map(|(key, setting)| {
                [
                    (*key).to_owned(),
                    setting.value.to_string(),
                    setting.from.clone(),
                ]
            })
            .collect();
        table(["setting", "value", "from"], &rows)
    })?;
    Ok(Outcome::Done)
}
