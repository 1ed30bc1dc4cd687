//! The records of files that are done, so that a later run goes on behind them.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sources::{Checkpoint, FileIdentity};

/// Maximum number of files in a checkpoint; the one that was read longest ago is forgotten first.
const MAX_FILES: usize = 10_000;

/// A record on its way: the file, the number and the line.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: Arc<OpenFile>,
    pub(super) number: u64,
    pub(super) line: u64,
}

/// A file that is read.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) name: String,
    pub(super) identity: Option<FileIdentity>,
}

/// How many records of a file are done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct DoneFile {
    path: PathBuf,
    size: u64,
    mtime: u64,
    records: u64,
}

impl DoneFile {
    fn is_of(&self, identity: &FileIdentity) -> bool {
        self.path == identity.path && self.size == identity.size && self.mtime == identity.mtime
    }
}

/// The files of a state folder, the one that was read last at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DoneFiles(Vec<DoneFile>);

impl DoneFiles {
    /// The files that a checkpoint names.
    pub(super) fn of(checkpoint: &Checkpoint) -> Self {
        let files = checkpoint.files.iter();
        let files = files.filter_map(|file| serde_json::from_value(file.clone()).ok());
        Self(files.collect())
    }

    /// The form in a checkpoint.
    pub(super) fn as_values(&self) -> serde_json::Result<Vec<Value>> {
        self.0.iter().map(serde_json::to_value).collect()
    }

    /// The number of records of a file that are done, from its first one on.
    pub(super) fn records_of(&self, identity: &FileIdentity) -> u64 {
        let same = self.0.iter().find(|done| done.is_of(identity));
        same.map_or(0, |done| done.records)
    }

    /// Notes settled records, in the order in which they were read. They can be of several files.
    pub(super) fn note<'a>(&mut self, places: impl IntoIterator<Item = &'a Place>) {
        let mut last: Option<&Place> = None;
        for place in places {
            if let Some(earlier) = last
                && !Arc::ptr_eq(&earlier.file, &place.file)
            {
                self.reached(earlier);
            }
            last = Some(place);
        }
        if let Some(last) = last {
            self.reached(last);
        }
    }

    /// All records of a file up to this one are done. A file that is read a second time loses
    /// nothing.
    fn reached(&mut self, place: &Place) {
        let Some(identity) = &place.file.identity else {
            return;
        };
        let records = self.records_of(identity).max(place.number);
        self.0.retain(|done| done.path != identity.path);
        self.0.push(DoneFile {
            path: identity.path.clone(),
            size: identity.size,
            mtime: identity.mtime,
            records,
        });
        let surplus = self.0.len().saturating_sub(MAX_FILES);
        self.0.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, size: u64) -> Arc<OpenFile> {
        Arc::new(OpenFile {
            name: path.to_owned(),
            identity: Some(FileIdentity {
                path: PathBuf::from(path),
                size,
                mtime: 7,
            }),
        })
    }

    fn place(file: &Arc<OpenFile>, number: u64) -> Place {
        Place {
            file: Arc::clone(file),
            number,
            line: number,
        }
    }

    fn records(done: &DoneFiles, file: &OpenFile) -> u64 {
        done.records_of(file.identity.as_ref().unwrap())
    }

    #[test]
    fn batch_over_two_files_notes_the_last_record_of_both() {
        let (first, second) = (file("a.csv", 10), file("b.csv", 20));
        let mut done = DoneFiles::default();
        done.note(&[place(&first, 8), place(&first, 9), place(&second, 1)]);
        done.note(&[place(&second, 2)]);
        assert_eq!((records(&done, &first), records(&done, &second)), (9, 2));
        let checkpoint = Checkpoint {
            files: done.as_values().unwrap(),
            ..Checkpoint::default()
        };
        assert_eq!(DoneFiles::of(&checkpoint), done);
    }

    #[test]
    fn second_reading_of_a_file_loses_nothing_and_a_changed_file_begins_again() {
        let file_once = file("a.csv", 10);
        let mut done = DoneFiles::default();
        done.note(&[place(&file_once, 9)]);
        done.note(&[place(&file("a.csv", 10), 1)]);
        assert_eq!(records(&done, &file_once), 9);
        let longer = file("a.csv", 11);
        assert_eq!(records(&done, &longer), 0);
        done.note(&[place(&longer, 3)]);
        assert_eq!(
            (records(&done, &longer), records(&done, &file_once)),
            (3, 0)
        );
    }

    #[test]
    fn standard_input_is_not_noted() {
        let input = Arc::new(OpenFile {
            name: "standard input".to_owned(),
            identity: None,
        });
        let mut done = DoneFiles::default();
        done.note(&[place(&input, 4)]);
        assert_eq!(done, DoneFiles::default());
    }
}
