//! The configuration of the streams. Missing streams are created, and existing ones are checked.
//!
//! In: the number of replicas, and the configuration that a stream has. Out: the wrong fields, if
//! there are any.

use async_nats::jetstream::stream::{Config, Info, RetentionPolicy, StorageType, SubjectTransform};

use super::api::StreamApi;
use crate::events::{Incarnation, NORMAL_FORM_VERSION};
use crate::journal::JournalError;

/// The name of the stream of events.
pub(super) const EVENTS: &str = "TWEETS";
/// The name of the stream of rejected records.
pub(super) const REJECTED: &str = "REJECTED";
/// The subjects to which publishers send.
const EVENT_SUBJECTS: &str = "tweets.*";
/// The subjects in the stream. The stream inserts the shard before the token.
const SHARDED_SUBJECTS: &str = "tweets.{{partition(16,1)}}.{{wildcard(1)}}";
const REJECTED_SUBJECTS: &str = "rejected.*";
/// The metadata key with the version of the normal form of the tokens. A stream without it has
/// version 1.
pub(super) const NORMAL_FORM: &str = "tidings-normal-form";

/// The configuration of the stream of events.
pub(super) fn events(replicas: Option<usize>) -> Config {
    let transform = SubjectTransform {
        source: EVENT_SUBJECTS.into(),
        destination: SHARDED_SUBJECTS.into(),
    };
    Config {
        description: Some("The journal of tidings: every event, the only truth".into()),
        subject_transform: Some(transform),
        metadata: [(NORMAL_FORM.to_owned(), NORMAL_FORM_VERSION.to_string())].into(),
        ..base(EVENTS, EVENT_SUBJECTS, replicas)
    }
}

/// The configuration of the stream of rejected records.
pub(super) fn rejected(replicas: Option<usize>) -> Config {
    Config {
        description: Some("What tidings could not fold, with its reason and position".into()),
        ..base(REJECTED, REJECTED_SUBJECTS, replicas)
    }
}

fn base(name: &str, subjects: &str, replicas: Option<usize>) -> Config {
    Config {
        name: name.into(),
        subjects: vec![subjects.into()],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        max_messages: -1,
        max_bytes: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        max_message_size: -1,
        num_replicas: replicas.unwrap_or(1),
        allow_direct: true,
        ..Config::default()
    }
}

/// The version of the normal form of the tokens in the stream of events.
pub(super) fn normal_form_of(config: &Config) -> u16 {
    let marked = config.metadata.get(NORMAL_FORM);
    marked.map_or(1, |version| version.parse().unwrap_or(u16::MAX))
}

/// Checks the stream. Creates it if it does not exist.
///
/// # Errors
/// [`JournalError::Misconfigured`] with every wrong field; [`JournalError::Broker`].
pub(super) async fn create_or_check(
    api: &StreamApi,
    wanted: &Config,
    replicas: Option<usize>,
) -> Result<Info, JournalError> {
    if let Some(info) = api.describe().await? {
        return check(info, wanted, replicas);
    }
    let created = api.create(wanted).await;
    match api.describe().await? {
        // Another tidings may have created the stream first.
        Some(info) => {
            tracing::info!(stream = api.name, "the stream was created");
            check(info, wanted, replicas)
        }
        None => Err(created.err().unwrap_or(JournalError::Broker {
            action: "create a stream",
            reason: format!("{} was removed after its creation", api.name),
        })),
    }
}

/// Checks an existing stream.
///
/// # Errors
/// [`JournalError::Misconfigured`] with every wrong field.
pub(super) fn check(
    info: Info,
    wanted: &Config,
    replicas: Option<usize>,
) -> Result<Info, JournalError> {
    let differences = differences(&info.config, wanted, replicas);
    if differences.is_empty() {
        Ok(info)
    } else {
        Err(JournalError::Misconfigured {
            stream: wanted.name.clone(),
            differences: differences.join("; "),
        })
    }
}

/// Compares only the fields that decide which records the stream has, and under which subjects. The
/// number of replicas is compared only if the settings name one.
fn differences(found: &Config, wanted: &Config, replicas: Option<usize>) -> Vec<String> {
    let mut all = Vec::new();
    let mut compare = |field: &str, found: String, wanted: String| {
        if found != wanted {
            all.push(format!("{field} is {found} and has to be {wanted}"));
        }
    };
    let of = |config: &Config| {
        let transform = transform(config.subject_transform.as_ref());
        [
            ("subjects", format!("{:?}", config.subjects)),
            ("subject_transform", transform),
            ("storage", format!("{:?}", config.storage)),
            ("retention", format!("{:?}", config.retention)),
            ("max_age", format!("{:?}", config.max_age)),
        ]
    };
    for ((field, found), (_, wanted)) in of(found).into_iter().zip(of(wanted)) {
        compare(field, found, wanted);
    }
    for (field, found) in [
        ("max_msgs", found.max_messages),
        ("max_bytes", found.max_bytes),
        ("max_msgs_per_subject", found.max_messages_per_subject),
        ("max_msg_size", i64::from(found.max_message_size)),
    ] {
        compare(field, limit(found), limit(-1));
    }
    for (field, found) in [
        ("sealed", found.sealed),
        ("no_ack", found.no_ack),
        ("mirror", found.mirror.is_some()),
        (
            "sources",
            found.sources.as_ref().is_some_and(|all| !all.is_empty()),
        ),
        ("allow_msg_ttl", found.allow_message_ttl),
        ("allow_rollup_hdrs", found.allow_rollup),
    ] {
        compare(field, found.to_string(), "false".into());
    }
    if let Some(replicas) = replicas {
        compare(
            "num_replicas",
            found.num_replicas.to_string(),
            replicas.to_string(),
        );
    }
    all
}

fn transform(transform: Option<&SubjectTransform>) -> String {
    transform.map_or_else(
        || "(none)".into(),
        |transform| format!("{} → {}", transform.source, transform.destination),
    )
}

fn limit(limit: i64) -> String {
    if limit <= 0 {
        "unlimited".into()
    } else {
        limit.to_string()
    }
}

/// The incarnation of a stream: a hash of its name and the time of its creation. The time changes
/// when the stream is created again, and stays the same through restarts and moves. A restored
/// stream keeps it with nats-server up to 2.14, and gets a new one with 2.15.
pub(super) fn incarnation_of(info: &Info) -> Incarnation {
    let mut hasher = blake3::Hasher::new();
    hasher.update(info.config.name.as_bytes());
    hasher.update(b"\0");
    hasher.update(&info.created.unix_timestamp_nanos().to_be_bytes());
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    Incarnation(u64::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_differs_is_named_with_both_values() {
        let wanted = events(None);
        assert!(differences(&events(Some(3)), &wanted, None).is_empty());
        let mut other = events(Some(3));
        other.subject_transform = None;
        other.storage = StorageType::Memory;
        other.max_messages = 7;
        other.max_age = std::time::Duration::from_secs(60);
        other.allow_message_ttl = true;
        let text = differences(&other, &wanted, Some(1)).join("; ");
        for part in [
            "subject_transform is (none) and has to be tweets.* → tweets.{{partition(16,1)}}",
            "storage is Memory and has to be File",
            "max_msgs is 7 and has to be unlimited",
            "max_age is 60s and has to be 0ns",
            "allow_msg_ttl is true and has to be false",
            "num_replicas is 3 and has to be 1",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
