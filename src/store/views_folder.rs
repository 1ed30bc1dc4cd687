//! The folder of the views, inside the data folder: its parts, and how views are swapped and
//! removed.
//!
//! ```text
//! data/views/        may be a volume of its own, or a link: it is never renamed or removed
//!   current/         the views, with current.seal beside them after a clean stop
//!   current.damaged/ the last views that could not be read, kept for a diagnosis
//!   old/             views of an older version or of other settings, as long as they answer,
//!                    with old.seal
//!   gone/            retired views, which are being removed
//!   next/            views that `views rebuild` or `views compact` is making
//!   verify/          views that `views verify` is making
//! ```
//!
//! Views are swapped by renaming folders inside. The next start after a kill finishes an
//! interrupted swap, then removes `gone`. The next start of a server removes `next` and `verify`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::seal::sync_parent;
use super::{Seal, Store, StoreError};

/// The entries of the folder that are not files of sled. Seals are not listed here.
const OWN: [&str; 7] = [
    "current",
    "current.damaged",
    "old",
    "gone",
    "next",
    "verify",
    TAKING,
];
/// Views of the earlier layout while they are moved to `current`.
const TAKING: &str = "taking-over";

/// The folder of the views of a data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewsFolder {
    data: PathBuf,
    root: PathBuf,
}

impl ViewsFolder {
    /// The views folder of a data folder.
    pub fn of(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            root: data.join("views"),
        }
    }

    /// The current views.
    pub fn current(&self) -> PathBuf {
        self.root.join("current")
    }

    /// Views of an older version, or of other settings, which answer until the current views have
    /// caught up.
    pub fn old(&self) -> PathBuf {
        self.root.join("old")
    }

    /// Views that will replace the current ones.
    pub fn next(&self) -> PathBuf {
        self.root.join("next")
    }

    /// Views that `views verify` folds for its comparison.
    pub fn verify(&self) -> PathBuf {
        self.root.join("verify")
    }

    fn gone(&self) -> PathBuf {
        self.root.join("gone")
    }

    /// Creates the folder, takes over views of the earlier layout, and removes retired views.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn prepare(&self) -> Result<(), StoreError> {
        if !self.root.is_dir() {
            std::fs::create_dir_all(&self.root)
                .and_then(|()| sync_parent(&self.root))
                .map_err(StoreError::io("create", &self.root))?;
        }
        self.finish_swap()?;
        self.take_over()?;
        self.remove_gone()
    }

    /// Paths that reading the current views does not need: only a running server reads them, or
    /// nothing does.
    pub fn unread(&self) -> Vec<PathBuf> {
        let damaged = self.root.join("current.damaged");
        let mut unread = vec![self.old(), self.gone(), self.verify(), damaged];
        if !self.is_swapping() {
            unread.push(self.next());
        }
        unread
    }

    /// True when a kill has interrupted [`Self::swap_in_next`]: the next views are sealed, and
    /// there are no current views.
    fn is_swapping(&self) -> bool {
        Seal::is_on(&self.next()) && !self.current().exists()
    }

    /// Finishes a [`Self::swap_in_next`] that a kill interrupted.
    fn finish_swap(&self) -> Result<(), StoreError> {
        if self.is_swapping() {
            // Removes the seal that the earlier current views may have left.
            Seal::remove(&self.current())?;
            Seal::rename(&self.next(), &self.current())?;
        }
        Ok(())
    }

    /// Removes views that a killed process was folding. No other process may be folding views.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn remove_unfinished(&self) -> Result<(), StoreError> {
        self.finish_swap()?;
        Store::remove(&self.next())?;
        Store::remove(&self.verify())
    }

    /// Replaces the current views by the next ones.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn swap_in_next(&self) -> Result<(), StoreError> {
        self.retire(&self.current())?;
        Seal::rename(&self.next(), &self.current())?;
        self.remove_gone()
    }

    /// Removes the current views, and makes the old views the current ones. If the process is
    /// killed in between, there are no current views, and the next start calls this again.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn restore_old(&self) -> Result<(), StoreError> {
        self.retire(&self.current())?;
        // A kill during an earlier call can leave the seal of the removed views.
        Seal::remove(&self.current())?;
        Seal::rename(&self.old(), &self.current())?;
        self.remove_gone()
    }

    /// Moves views to `gone`, so that no start opens them. Open views can still be read.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn retire(&self, views: &Path) -> Result<(), StoreError> {
        if views.exists() {
            self.remove_gone()?;
            Seal::rename(views, &self.gone())?;
        }
        Ok(())
    }

    /// Removes retired views.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn remove_gone(&self) -> Result<(), StoreError> {
        Store::remove(&self.gone())
    }

    /// Takes over the earlier layout, in which the files of sled were in the folder itself, and all
    /// other files beside the folder.
    fn take_over(&self) -> Result<(), StoreError> {
        let taking = self.root.join(TAKING);
        let mut files = self.files_of_sled()?;
        if has_entries(&self.current())? {
            self.remove_those_of_an_older_binary(&files)?;
        } else if !files.is_empty() || taking.exists() {
            tracing::info!(folder = %self.root.display(), "taking over the views of the earlier \
                layout");
            std::fs::create_dir_all(&taking).map_err(StoreError::io("create", &taking))?;
            // The database goes last. As long as it is in its old folder, nothing counts as taken
            // over.
            files.sort_by_key(|path| path.file_name().is_some_and(|name| name == "db"));
            for file in files {
                let name = file.file_name().unwrap_or_default();
                std::fs::rename(&file, taking.join(name)).map_err(StoreError::io("move", &file))?;
            }
            self.take_over_seal()?;
            Seal::rename(&taking, &self.current())?;
        }
        self.remove_strays()
    }

    /// Removes views of the earlier layout that an older binary made after an upgrade. The views of
    /// this layout stay: they are checked against the journal and continue from their checkpoint.
    fn remove_those_of_an_older_binary(&self, files: &[PathBuf]) -> Result<(), StoreError> {
        let taking = self.root.join(TAKING);
        if files.is_empty() && !taking.exists() {
            return Ok(());
        }
        tracing::warn!(
            folder = %self.root.display(),
            "removing views of the earlier layout, because there are views of this layout"
        );
        for file in files {
            let removed = if file.is_dir() {
                std::fs::remove_dir_all(file)
            } else {
                std::fs::remove_file(file)
            };
            removed.map_err(StoreError::io("remove", file))?;
        }
        Store::remove(&taking)
    }

    fn files_of_sled(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut files = Vec::new();
        let list = StoreError::io("list", &self.root);
        for entry in std::fs::read_dir(&self.root).map_err(list)? {
            let path = entry.map_err(StoreError::io("list", &self.root))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let is_own = name.is_some_and(|name| {
                OWN.contains(&name) || name.ends_with(".seal") || name.ends_with(".seal-next")
            });
            let is_sled = name.is_some_and(|name| {
                matches!(name, "db" | "conf" | "blobs") || name.starts_with("snap.")
            });
            if is_sled && !is_own {
                files.push(path);
            }
        }
        Ok(files)
    }

    /// Copies the seal, because it can be on another volume than the views. The copied seal is
    /// removed later, when the views are in their folder.
    fn take_over_seal(&self) -> Result<(), StoreError> {
        let before = self.data.join("views.seal");
        match std::fs::read(&before) {
            Ok(seal) => Seal::put(&self.root.join(TAKING), &seal),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::io("read", before)(error)),
        }
    }

    /// Takes over or removes the folders that the earlier layout had beside the views. Old views on
    /// another volume cannot be renamed. They are removed, because they only answer during an
    /// upgrade.
    fn remove_strays(&self) -> Result<(), StoreError> {
        let beside = |name: &str| self.data.join(name);
        let old = beside("views-old");
        let taken = old.exists() && !self.old().exists();
        if !(taken && Seal::rename(&old, &self.old()).is_ok()) {
            Store::remove(&old)?;
        }
        for name in ["views-gone", "views-next", "views-verify", "views.damaged"] {
            if beside(name).exists() {
                Store::remove(&beside(name))?;
            }
        }
        let seal = beside("views.seal");
        match std::fs::remove_file(&seal) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(StoreError::io("remove", seal)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a folder exists and is not empty.
fn has_entries(folder: &Path) -> Result<bool, StoreError> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("list", folder)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a data folder of the earlier layout, with one file of each kind.
    fn layout_before(data: &Path) {
        let views = data.join("views");
        std::fs::create_dir_all(views.join("blobs")).unwrap();
        for (file, text) in [
            ("db", "rows"),
            ("conf", "c"),
            ("snap.01", "s"),
            ("blobs/1", "b"),
        ] {
            std::fs::write(views.join(file), text).unwrap();
        }
        Seal::write(&views).unwrap();
        for folder in ["views-next", "views-gone", "views-verify", "views.damaged"] {
            std::fs::create_dir_all(data.join(folder)).unwrap();
        }
        std::fs::create_dir_all(data.join("views-old")).unwrap();
        std::fs::write(data.join("views-old/db"), "old rows").unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn is_taken_over(data: &Path) {
        let folder = ViewsFolder::of(data);
        assert_eq!(names(data), ["views"]);
        assert_eq!(
            names(&data.join("views")),
            ["current", "current.seal", "old"]
        );
        assert_eq!(std::fs::read(folder.current().join("db")).unwrap(), b"rows");
        assert_eq!(std::fs::read(folder.old().join("db")).unwrap(), b"old rows");
        Seal::open(&folder.current()).unwrap();
    }

    #[test]
    fn earlier_layout_is_taken_over_after_any_interruption() {
        let data = tempfile::tempdir().unwrap();
        layout_before(data.path());
        ViewsFolder::of(data.path()).prepare().unwrap();
        is_taken_over(data.path());

        // The move is interrupted between any two steps.
        for moved in 0..=4 {
            let data = tempfile::tempdir().unwrap();
            layout_before(data.path());
            let views = data.path().join("views");
            let taking = views.join(TAKING);
            std::fs::create_dir(&taking).unwrap();
            for file in ["conf", "snap.01", "blobs", "db"].into_iter().take(moved) {
                std::fs::rename(views.join(file), taking.join(file)).unwrap();
            }
            if moved == 4 {
                let seal = std::fs::read(data.path().join("views.seal")).unwrap();
                Seal::put(&taking, &seal).unwrap();
            }
            ViewsFolder::of(data.path()).prepare().unwrap();
            is_taken_over(data.path());
        }
    }

    #[test]
    fn swap_interrupted_by_a_kill_is_finished() {
        for (killed_after, starts_a_server) in (0..4).flat_map(|at| [(at, true), (at, false)]) {
            let data = tempfile::tempdir().unwrap();
            let folder = ViewsFolder::of(data.path());
            folder.prepare().unwrap();
            for (views, text) in [(folder.current(), "before"), (folder.next(), "after")] {
                std::fs::create_dir(&views).unwrap();
                std::fs::write(views.join("db"), text).unwrap();
                Seal::write(&views).unwrap();
            }
            let root = data.path().join("views");
            let steps = [
                ("current", "gone"),
                ("current.seal", "gone.seal"),
                ("next", "current"),
                ("next.seal", "current.seal"),
            ];
            for (from, to) in steps.into_iter().take(killed_after + 1) {
                std::fs::rename(root.join(from), root.join(to)).unwrap();
            }
            if starts_a_server {
                folder.remove_unfinished().unwrap();
            }
            folder.prepare().unwrap();
            let rows = std::fs::read(folder.current().join("db")).unwrap();
            assert_eq!(rows, b"after", "{killed_after}");
            Seal::open(&folder.current()).unwrap();
        }
    }

    #[test]
    fn views_made_by_an_older_binary_after_an_upgrade_are_removed() {
        for is_taking in [false, true] {
            let data = tempfile::tempdir().unwrap();
            let folder = ViewsFolder::of(data.path());
            folder.prepare().unwrap();
            std::fs::create_dir(folder.current()).unwrap();
            std::fs::write(folder.current().join("db"), "new rows").unwrap();
            Seal::write(&folder.current()).unwrap();
            let views = data.path().join("views");
            let taking = views.join(TAKING);
            let older = if is_taking { &taking } else { &views };
            std::fs::create_dir_all(older.join("blobs")).unwrap();
            for file in ["db", "conf", "snap.01", "blobs/1"] {
                std::fs::write(older.join(file), "older").unwrap();
            }
            std::fs::write(data.path().join("views.seal"), "{").unwrap();
            std::fs::write(views.join("taking-over.seal"), "{").unwrap();
            folder.prepare().unwrap();
            assert_eq!(names(data.path()), ["views"]);
            assert_eq!(names(&views), ["current", "current.seal"]);
            let rows = std::fs::read(folder.current().join("db")).unwrap();
            assert_eq!(rows, b"new rows");
            Seal::open(&folder.current()).unwrap();
        }
    }

    #[test]
    fn link_to_the_views_folder_stays_and_a_killed_rebuild_is_removed() {
        let data = tempfile::tempdir().unwrap();
        let volume = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(volume.path(), data.path().join("views")).unwrap();
        let folder = ViewsFolder::of(data.path());
        folder.prepare().unwrap();
        for (views, text) in [(folder.current(), "before"), (folder.next(), "after")] {
            std::fs::create_dir(&views).unwrap();
            std::fs::write(views.join("db"), text).unwrap();
            Seal::write(&views).unwrap();
        }
        folder.swap_in_next().unwrap();
        assert_eq!(names(volume.path()), ["current", "current.seal"]);
        assert_eq!(
            std::fs::read(volume.path().join("current/db")).unwrap(),
            b"after"
        );
        Seal::open(&folder.current()).unwrap();
        for killed in ["next", "verify", "gone"] {
            std::fs::create_dir(volume.path().join(killed)).unwrap();
            std::fs::write(volume.path().join(format!("{killed}.seal")), "{").unwrap();
        }
        folder.prepare().unwrap();
        folder.remove_unfinished().unwrap();
        assert_eq!(names(volume.path()), ["current"]);
        assert!(data.path().join("views").is_symlink());
    }

    #[test]
    fn old_views_replace_the_current_ones_after_any_interruption() {
        for seal_of_current_stays in [false, true] {
            let data = tempfile::tempdir().unwrap();
            let folder = ViewsFolder::of(data.path());
            folder.prepare().unwrap();
            for (views, text) in [(folder.current(), "newer"), (folder.old(), "older")] {
                std::fs::create_dir_all(&views).unwrap();
                std::fs::write(views.join("db"), text).unwrap();
                Seal::write(&views).unwrap();
            }
            if seal_of_current_stays {
                // The old views were open when the process was killed, so they have no seal.
                std::fs::rename(folder.current(), folder.gone()).unwrap();
                Seal::remove(&folder.old()).unwrap();
            }
            folder.restore_old().unwrap();
            assert_eq!(
                std::fs::read(folder.current().join("db")).unwrap(),
                b"older"
            );
            Seal::open(&folder.current()).unwrap();
            assert_eq!(names(&data.path().join("views")), ["current"]);
        }
    }
}
