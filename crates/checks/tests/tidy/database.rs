//! What the schema and the store may say.

use crate::hold;
use crate::tree::{File, Tree};

fn migrations(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files.iter().filter(|file| file.folder() == "crates/store/migrations")
}

/// The statements, without comments.
fn statements(file: &File) -> String {
    let uncommented = file.text.lines().map(|line| line.split("--").next().unwrap_or_default());
    uncommented.collect::<Vec<_>>().join("\n")
}

/// Names and types of all columns: the lines of a table that begin in lower case.
fn columns(file: &File) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let statements = statements(file);
    let tables = statements.split(';').filter(|text| text.contains("CREATE TABLE"));
    for line in tables.flat_map(str::lines) {
        let mut words = line.trim().trim_end_matches(',').split_whitespace();
        if let (true, Some(name), Some(kind)) = (line.starts_with(' '), words.next(), words.next())
            && name.starts_with(|first: char| first.is_ascii_lowercase())
        {
            found.push((name.to_owned(), kind.to_owned()));
        }
    }
    found
}

#[test]
fn columns_are_text_or_bigint() {
    hold(
        has_plain_columns,
        &[&[("crates/store/migrations/1.sql", "CREATE TABLE a (\n    b BOOLEAN NOT NULL\n);")]],
    );
}

fn has_plain_columns(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for file in migrations(tree) {
        let odd = columns(file).into_iter().filter(|(_, kind)| kind != "TEXT" && kind != "BIGINT");
        found.extend(odd.map(|(name, kind)| format!("{}: {name} is {kind}", file.path)));
    }
    found
}

#[test]
fn no_secret_is_stored_readable() {
    hold(
        hides_secrets,
        &[
            &[("crates/store/migrations/1.sql", "CREATE TABLE a (\n    refresh_token TEXT\n);")],
            &[("crates/store/migrations/1.sql", "CREATE TABLE a (\n    private_key TEXT,\n);")],
        ],
    );
}

fn hides_secrets(tree: &Tree) -> Vec<String> {
    let secrets = ["password", "secret", "token", "code", "private", "handle", "nonce", "pin"];
    let mut found = Vec::new();
    for file in migrations(tree) {
        for (name, _) in columns(file) {
            let is_secret = name.split('_').any(|word| secrets.contains(&word));
            if is_secret && !name.ends_with("_hash") && !name.starts_with("sealed") {
                found.push(format!("{}: {name} is readable", file.path));
            }
        }
    }
    found
}

#[test]
fn positions_never_come_from_a_sequence() {
    hold(
        counts_by_hand,
        &[&[("crates/store/migrations/1.sql", "CREATE TABLE a (\n    seq BIGSERIAL\n);")]],
    );
}

/// A sequence gives numbers that commit out of order, and a reader that has passed N would
/// never see N - 1.
fn counts_by_hand(tree: &Tree) -> Vec<String> {
    let sequences = ["SERIAL", "AUTOINCREMENT", "IDENTITY", "SEQUENCE", "NEXTVAL"];
    let mut found = Vec::new();
    for file in migrations(tree) {
        let statements = statements(file).to_uppercase();
        let used = sequences.iter().filter(|word| statements.contains(**word));
        found.extend(used.map(|word| format!("{} uses {word}", file.path)));
    }
    found
}

#[test]
fn the_log_is_the_only_killer() {
    let elsewhere = "const END: &str = \"UPDATE sessions SET ended_at_ms = $1\";";
    hold(ends_by_the_log, &[&[("crates/store/src/sessions.rs", elsewhere)]]);
}

/// What ends, ends in the transaction that appends the rule.
fn ends_by_the_log(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| !file.path.starts_with("crates/store/src/revocations")) {
        let ending =
            |line: &str| line.contains("SET ended_at") || line.contains("INTO revocations");
        for (number, _) in file.shipped_lines().filter(|(_, line)| ending(line)) {
            found.push(format!("{}:{number} ends something past the log", file.path));
        }
    }
    found
}

#[test]
fn every_store_method_is_called_by_a_contract_test() {
    let store = "impl Store {\n    pub async fn find_it(&self) {}\n}\n";
    hold(is_called, &[&[("crates/store/src/it.rs", store)]]);
}

fn is_called(tree: &Tree) -> Vec<String> {
    let tests = tree.rust().filter(|file| file.path.starts_with("crates/store/tests/"));
    let tests: String = tests.map(|file| file.text.as_str()).collect();
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| file.path.starts_with("crates/store/src/")) {
        let mut inside = false;
        for (number, line) in file.shipped_lines() {
            inside = line.starts_with("impl Store {") || (inside && line != "}");
            let name = line.strip_prefix("    pub async fn ");
            let name = name.or_else(|| line.strip_prefix("    pub fn "));
            let Some(name) = name.and_then(|rest| rest.split(['(', '<']).next()) else { continue };
            let called = [format!(".{name}("), format!("Store::{name}(")];
            if inside && !called.iter().any(|call| tests.contains(call)) {
                found.push(format!("{}:{number} {name} is called by no contract test", file.path));
            }
        }
    }
    found
}
