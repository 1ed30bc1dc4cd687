//! Finds the state folder of a source, and the kind of the source.

use std::path::Path;

use anyhow::bail;

use crate::cli::failure::UsageError;
use crate::sources::{Checkpoint, RejectedEntry, Report, SourceKind, SourceName};

/// The files by which a state folder is known.
const MARKS: [&str; 3] = ["checkpoint.json", "report.json", "rejected.ndjson"];

/// True when a collector has run in this folder.
pub(super) fn is_state_folder(folder: &Path) -> bool {
    MARKS.iter().any(|mark| folder.join(mark).is_file())
}

/// The only source that has a state folder in `sources`.
pub(super) fn only_source(sources: &Path) -> anyhow::Result<SourceName> {
    let mut names = Vec::new();
    let entries = std::fs::read_dir(sources).into_iter().flatten();
    for entry in entries.flatten() {
        let name = entry.file_name().to_str().map(SourceName::parse);
        if let Some(Ok(name)) = name
            && is_state_folder(&entry.path())
        {
            names.push(name);
        }
    }
    names.sort();
    match names.as_slice() {
        [name] => Ok(name.clone()),
        [] => bail!(UsageError::new(format!(
            "{} has no state folder of a source: name one with --state FOLDER",
            sources.display()
        ))),
        several => {
            let several: Vec<&str> = several.iter().map(SourceName::as_str).collect();
            bail!(UsageError::new(format!(
                "{} has several sources: name one with --name ({})",
                sources.display(),
                several.join(", ")
            )))
        }
    }
}

/// The name of the source of a folder that was given: that of the report, else of the folder.
pub(super) fn name_in(folder: &Path, report: Option<&Report>) -> Option<SourceName> {
    let reported = report.and_then(|report| SourceName::parse(&report.name).ok());
    reported.or_else(|| SourceName::parse(folder.file_name()?.to_str()?).ok())
}

/// The kind of a source: that of the report; else it is seen from the checkpoint, the rejected
/// records, or the name.
pub(super) fn kind_of(
    report: Option<&Report>,
    checkpoint: &Checkpoint,
    rejected: &[Result<RejectedEntry, String>],
    name: &SourceName,
) -> Option<SourceKind> {
    if let Some(report) = report {
        return Some(report.kind);
    }
    if !checkpoint.files.is_empty() {
        return Some(SourceKind::File);
    }
    let newest = checkpoint.newest_id.as_ref().map(|id| id.as_str());
    let of_id = match newest.and_then(|id| id.split(':').next()) {
        Some("x") => Some(SourceKind::X),
        Some("bsky") => Some(SourceKind::Bluesky),
        Some("masto") => Some(SourceKind::Mastodon),
        _ => None,
    };
    let kinds = [
        SourceKind::X,
        SourceKind::Bluesky,
        SourceKind::Mastodon,
        SourceKind::File,
    ];
    let of_name = kinds.into_iter().find(|kind| kind.name() == name.as_str());
    let mut entries = rejected.iter().flatten();
    // Only records of files come from a file with a line.
    let of_file = entries.any(|entry| is_line_of_file(&entry.place));
    of_id
        .or_else(|| of_file.then_some(SourceKind::File))
        .or(of_name)
}

/// True for `posts.csv:12`.
fn is_line_of_file(place: &str) -> bool {
    let line = place.rsplit_once(':').map(|(_, line)| line);
    line.is_some_and(|line| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Timestamp, TweetId};

    fn name(text: &str) -> SourceName {
        SourceName::parse(text).unwrap()
    }

    #[test]
    fn only_state_folder_is_found_and_several_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let sources = folder.path().join("sources");
        let none = only_source(&sources).unwrap_err();
        assert!(none.is::<UsageError>());
        for (source, file) in [("posts", "checkpoint.json"), ("empty", "lock")] {
            std::fs::create_dir_all(sources.join(source)).unwrap();
            std::fs::write(sources.join(source).join(file), "").unwrap();
        }
        assert_eq!(only_source(&sources).unwrap(), name("posts"));
        std::fs::write(sources.join("empty/rejected.ndjson"), "").unwrap();
        let several = only_source(&sources).unwrap_err();
        assert!(several.is::<UsageError>());
        assert!(several.to_string().contains("(empty, posts)"), "{several}");
    }

    #[test]
    fn kind_is_seen_without_a_report() {
        let of_files = Checkpoint {
            files: vec![serde_json::json!({"path": "a.csv"})],
            ..Checkpoint::default()
        };
        let of_bluesky = Checkpoint {
            newest_id: Some(TweetId::new("bsky:did:plc:a/b").unwrap()),
            ..Checkpoint::default()
        };
        let none = Checkpoint::default();
        let mine = name("mine");
        let kind = |checkpoint, rejected: &[_]| kind_of(None, checkpoint, rejected, &mine);
        assert_eq!(kind(&of_files, &[]), Some(SourceKind::File));
        assert_eq!(kind(&of_bluesky, &[]), Some(SourceKind::Bluesky));
        assert_eq!(kind(&none, &[]), None);
        let now = Timestamp::from_millis(0);
        let entry = |place| [Ok(RejectedEntry::new(now, "no text", place, b"{}"))];
        assert_eq!(kind(&none, &entry("a.csv:12")), Some(SourceKind::File));
        assert_eq!(kind(&none, &entry("stream")), None);
        let named = kind_of(None, &none, &[], &name("mastodon"));
        assert_eq!(named, Some(SourceKind::Mastodon));
        let report = Report::starting("mine", SourceKind::X, "i-1");
        let reported = kind_of(Some(&report), &of_files, &[], &mine);
        assert_eq!(reported, Some(SourceKind::X));
    }
}
