//! The files of the repository, as text.

use std::fs;
use std::path::{Path, PathBuf};

/// One file. Paths are relative to the root of the repository and use `/`.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    pub(crate) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    /// The crate it belongs to, by folder name.
    pub(crate) fn room(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Whether everything in it is test code.
    pub(crate) fn is_test(&self) -> bool {
        let mut folders = self.folder().split('/').skip(2);
        self.name() == "tests.rs"
            || folders.any(|folder| folder == "tests" || folder == "benches" || folder == "fuzz")
    }

    /// The lines that ship, numbered from 1: without tests at the end of the file.
    pub(crate) fn shipped_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let shipped = if self.is_test() { "" } else { self.text.as_str() };
        let lines = shipped.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
        lines.enumerate().map(|(index, line)| (index + 1, line))
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// All files that a person wrote.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

impl Tree {
    pub(crate) fn of_repository() -> Self {
        let root: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect();
        let mut files = Vec::new();
        collect(&root, "", &mut files);
        assert!(files.len() > 50, "found only {} files: wrong folder?", files.len());
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    pub(crate) fn of(sample: &[(&str, &str)]) -> Self {
        let file =
            |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
        Self { files: sample.iter().map(file).collect() }
    }

    pub(crate) fn find(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// Whether there is such a file or folder.
    pub(crate) fn has(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        self.files.iter().any(|file| file.path == path || file.path.starts_with(&inside))
    }

    /// The crates, by folder name.
    pub(crate) fn rooms(&self) -> Vec<&str> {
        let manifests = self
            .files
            .iter()
            .filter(|file| file.name() == "Cargo.toml" && file.path.matches('/').count() == 2);
        manifests.filter_map(File::room).collect()
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) {
    let entries = fs::read_dir(folder).expect("the repository can be read");
    for entry in entries {
        let entry = entry.expect("the repository can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        let kind = entry.file_type().expect("the repository can be read");
        // `.git` is a file where the tree is one of several of one repository.
        let generated = ["target", ".git", "node_modules", "dist", "menshen-data"];
        if generated.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), &path, files);
        } else if kind.is_file() {
            // A file that goes away while we look belongs to somebody's editor.
            let Ok(bytes) = fs::read(entry.path()) else { continue };
            files.push(File { path, text: String::from_utf8_lossy(&bytes).into_owned() });
        }
    }
}
