//! A file is a page: what it says first, how long it is, where it lies, what it is called.

use std::collections::BTreeMap;

use crate::hold;
use crate::tree::{File, Tree};

const PAGE: usize = 400;
const TEST_PAGE: usize = 600;
const DECLARATIONS: usize = 80;
const FILES_PER_FOLDER: usize = 14;
const DEPTH_BELOW_SRC: usize = 2;

/// Folders with more files than the rule allows: how many, and why that is right. The table of
/// contents (`lib.rs`, `main.rs`, `mod.rs`) does not count.
const LARGER_FOLDERS: &[(&str, usize, &str)] = &[
    ("crates/token/src", 19, "the spine is flat: one noun, one file, nothing hidden"),
    ("crates/domain/src", 21, "flat like the spine: one noun, one file"),
    ("crates/store/src", 22, "one table, one file"),
    ("crates/store/tests/contract", 22, "one file for each part of the store"),
    (
        "crates/server/src",
        24,
        "what every endpoint shares; the endpoints have folders of their own",
    ),
    ("crates/server/src/oauth", 16, "one endpoint, one file"),
    ("crates/server/tests/http", 40, "one file for each endpoint, and for each way to attack one"),
    ("crates/checks/tests/stories", 24, "one promise, one file"),
];

#[test]
fn every_source_file_begins_by_saying_what_it_is() {
    hold(
        says_what_it_is,
        &[
            &[("crates/token/src/a.rs", "pub struct A;\n")],
            &[("crates/token/src/a.rs", "#![forbid(unsafe_code)]\n\nuse b;\n//! Late.\n")],
        ],
    );
}

fn says_what_it_is(tree: &Tree) -> Vec<String> {
    let silent = |file: &&File| {
        let first = file.text.lines().find(|line| {
            let is_documentation = line.starts_with("//!") || line.starts_with("#![doc");
            is_documentation || !(line.is_empty() || line.starts_with("#!["))
        });
        !first.is_some_and(|line| line.starts_with("//!") || line.starts_with("#![doc"))
    };
    let offenders = tree.rust().filter(silent);
    offenders.map(|file| format!("{} does not begin with `//!`", file.path)).collect()
}

#[test]
fn no_file_is_longer_than_a_page() {
    let (page, tests) = ("x\n".repeat(401), "x\n".repeat(601));
    let declarations = "x\n".repeat(81);
    hold(
        is_a_page,
        &[
            &[("crates/token/src/a.rs", &page)],
            &[("crates/token/src/a/tests.rs", &tests)],
            &[("crates/token/src/lib.rs", &declarations)],
        ],
    );
}

fn is_a_page(tree: &Tree) -> Vec<String> {
    let too_long = tree.rust().filter_map(|file| {
        let limit = match file.name() {
            _ if file.is_test() => TEST_PAGE,
            "lib.rs" | "mod.rs" => DECLARATIONS,
            _ => PAGE,
        };
        let lines = file.text.lines().count();
        (lines > limit).then(|| format!("{} has {lines} lines, the limit is {limit}", file.path))
    });
    too_long.collect()
}

#[test]
fn no_folder_is_crowded() {
    let files: Vec<String> = (0..15).map(|n| format!("crates/token/src/deep/{n}.rs")).collect();
    let sample: Vec<(&str, &str)> = files.iter().map(|path| (path.as_str(), "")).collect();
    hold(is_roomy, &[&sample]);
}

fn is_roomy(tree: &Tree) -> Vec<String> {
    let mut folders = BTreeMap::new();
    let contents = ["lib.rs", "main.rs", "mod.rs"];
    for file in tree.rust().filter(|file| !contents.contains(&file.name())) {
        *folders.entry(file.folder()).or_insert(0_usize) += 1;
    }
    let crowded = folders.into_iter().filter(|(folder, count)| {
        let larger = LARGER_FOLDERS.iter().find(|(larger, ..)| larger == folder);
        *count > larger.map_or(FILES_PER_FOLDER, |(_, limit, _)| *limit)
    });
    crowded.map(|(folder, count)| format!("{folder} holds {count} files")).collect()
}

#[test]
fn no_folder_lies_deep() {
    hold(is_shallow, &[&[("crates/token/src/a/b/c/d.rs", "")]]);
}

fn is_shallow(tree: &Tree) -> Vec<String> {
    let deep = tree.rust().filter(|file| {
        let below =
            file.folder().split_once("/src/").map_or(0, |(_, below)| below.split('/').count());
        below > DEPTH_BELOW_SRC
    });
    deep.map(|file| format!("{} lies too deep", file.path)).collect()
}

#[test]
fn every_file_name_says_something() {
    hold(
        says_something,
        &[
            &[("crates/token/src/utils.rs", "")],
            &[("crates/server/src/common/mod.rs", "")],
            &[("crates/server/src/session_manager.rs", "")],
        ],
    );
}

fn says_something(tree: &Tree) -> Vec<String> {
    let empty = [
        "util", "utils", "helper", "helpers", "common", "misc", "manager", "service", "impl",
        "shared", "base", "types",
    ];
    let says_nothing = |part: &str| {
        let part = part.strip_suffix(".rs").unwrap_or(part);
        part.split('_').any(|word| empty.contains(&word))
    };
    let offenders = tree.rust().filter(|file| file.path.split('/').skip(2).any(says_nothing));
    offenders.map(|file| format!("{} has a name that says nothing", file.path)).collect()
}

#[test]
fn every_snapshot_has_its_test() {
    hold(
        has_its_test,
        &[
            &[("crates/a/src/snapshots/a__b__gone.snap", "---\nsource: crates/a/src/b.rs\n---\n")],
            &[
                ("crates/a/src/b.rs", "//! Tests.\nfn stays() {}\n"),
                ("crates/a/src/snapshots/a__b__gone.snap", "---\nsource: crates/a/src/b.rs\n---\n"),
            ],
        ],
    );
}

fn has_its_test(tree: &Tree) -> Vec<String> {
    let snapshots = tree.files.iter().filter(|file| file.has_extension("snap"));
    let orphans = snapshots.filter(|file| {
        let name = file.name().trim_end_matches(".snap");
        let name = name.rsplit("__").next().unwrap_or(name);
        let name = name.split('@').next().unwrap_or(name);
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
        let source = file.text.lines().find_map(|line| line.strip_prefix("source: "));
        let source = source.and_then(|path| tree.find(path.trim()));
        !source.is_some_and(|source| source.text.contains(name))
    });
    orphans.map(|file| format!("{} belongs to no test", file.path)).collect()
}
