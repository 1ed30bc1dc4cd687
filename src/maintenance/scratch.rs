//! A second store beside the views.

use std::path::PathBuf;

use crate::journal::Journal;
use crate::projections::FoldContext;
use crate::store::{Generation, Store, StoreError, StoreOptions};

/// An initially empty folder for a second store, beside the views.
pub(super) struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    pub(super) fn new(dir: PathBuf) -> Result<Self, StoreError> {
        let scratch = Self { dir };
        scratch.remove()?;
        Ok(scratch)
    }

    pub(super) fn store(
        &self,
        cache_bytes: u64,
        journal: &dyn Journal,
        generation: Generation,
        fold: &FoldContext,
    ) -> Result<Store, StoreError> {
        Store::open(&StoreOptions {
            dir: self.dir.clone(),
            cache_bytes,
            shards: journal.shards(),
            incarnation: journal.incarnation(),
            generation,
            context: fold.clone(),
        })
    }

    pub(super) fn remove(&self) -> Result<(), StoreError> {
        Store::remove(&self.dir)
    }
}
