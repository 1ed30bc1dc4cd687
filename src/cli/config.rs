//! `tidings config show`: the settings in force, and where each came from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use clap::Subcommand;
use serde::Serialize;

use super::Invocation;
use super::failure::CommandOutcome;
use super::table::table;
use crate::journal::without_passwords;
use crate::settings::is_secret;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigAction {
    /// The merged settings, each with where its value came from
    Show,
}

#[derive(Debug, Serialize)]
struct Setting<'a> {
    value: Cow<'a, toml::Value>,
    from: String,
}

pub(super) fn run(
    action: &ConfigAction,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let ConfigAction::Show = action;
    let settings: BTreeMap<&str, Setting<'_>> = invocation
        .layers
        .entries()
        .map(|(key, entry)| {
            let from = entry.source.to_string();
            let value = shown(key, &entry.value);
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
    Ok(CommandOutcome::Done)
}

fn shown<'a>(key: &str, value: &'a toml::Value) -> Cow<'a, toml::Value> {
    let text = value.as_str().unwrap_or_default();
    if is_secret(key) && !text.is_empty() {
        Cow::Owned("(given)".into())
    } else if key == "nats.url" {
        let urls: Vec<_> = text.split(',').map(|url| url.trim().to_owned()).collect();
        Cow::Owned(without_passwords(&urls).into())
    } else {
        Cow::Borrowed(value)
    }
}
