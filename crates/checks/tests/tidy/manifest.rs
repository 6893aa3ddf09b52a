//! What a crate's `Cargo.toml` lets it reach.

use toml::{Table, Value};

use crate::tree::Tree;

/// One crate's manifest.
pub(crate) struct Manifest<'a> {
    /// The crate's folder name.
    pub(crate) room: &'a str,
    pub(crate) table: Table,
}

impl<'a> Manifest<'a> {
    pub(crate) fn all(tree: &'a Tree) -> Vec<Self> {
        let read = |room: &'a str| {
            let file = tree.find(&format!("crates/{room}/Cargo.toml")).expect("listed by rooms()");
            Self { room, table: file.text.parse().expect("cargo reads it too") }
        };
        tree.rooms().into_iter().map(read).collect()
    }

    /// The dependencies of a section, by the name of the crate they bring.
    pub(crate) fn dependencies(&self, section: &str) -> Vec<(String, Value)> {
        let targets = self.table.get("target").and_then(Value::as_table);
        let targets = targets.into_iter().flat_map(Table::values);
        let tables = targets.map(|target| target.get(section)).chain([self.table.get(section)]);
        let entries = tables.flatten().filter_map(Value::as_table).flatten();
        let named = |(name, value): (&'_ String, &'_ Value)| {
            let renamed = value.get("package").and_then(Value::as_str);
            (renamed.unwrap_or(name).to_owned(), value.clone())
        };
        entries.map(named).collect()
    }

    /// The dependencies that ship.
    pub(crate) fn shipped(&self) -> Vec<(String, Value)> {
        let sections = ["dependencies", "build-dependencies"];
        sections.iter().flat_map(|section| self.dependencies(section)).collect()
    }
}

/// A dependency on one of our own crates: its folder name.
pub(crate) fn room_of(dependency: &str) -> Option<&str> {
    if dependency == "menshen" { Some("menshen") } else { dependency.strip_prefix("menshen-") }
}
