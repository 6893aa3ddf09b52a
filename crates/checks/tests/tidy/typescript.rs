//! The packages in `sdk` and the apps in `examples` are held to the manners of the rest.

use crate::hold;
use crate::tree::{File, Tree};

const PAGE: usize = 400;
const TEST_PAGE: usize = 600;

#[test]
fn every_module_begins_by_saying_what_it_is() {
    hold(says_what_it_is, &[&[("sdk/client/src/a.ts", "import { b } from './b.js'\n")]]);
}

/// A list of exports needs no introduction, nor does the configuration of a tool.
fn says_what_it_is(tree: &Tree) -> Vec<String> {
    let silent = modules(tree).filter(|file| {
        let is_known = file.name().starts_with("index.") || file.name().contains(".config.");
        !is_known && !file.text.trim_start().starts_with("/*")
    });
    silent.map(|file| format!("{} does not begin with a comment", file.path)).collect()
}

#[test]
fn no_module_is_longer_than_a_page() {
    let (page, test) = ("x\n".repeat(401), "x\n".repeat(601));
    hold(
        is_a_page,
        &[
            &[("sdk/client/src/a.ts", &page)],
            &[("examples/app/b.tsx", &page)],
            &[("sdk/client/src/a.test.ts", &test)],
        ],
    );
}

fn is_a_page(tree: &Tree) -> Vec<String> {
    let too_long = modules(tree).filter_map(|file| {
        let limit = if is_test(file) { TEST_PAGE } else { PAGE };
        let lines = file.text.lines().count();
        (lines > limit).then(|| format!("{} has {lines} lines, the limit is {limit}", file.path))
    });
    too_long.collect()
}

#[test]
fn every_module_name_says_something() {
    hold(
        says_something,
        &[&[("sdk/client/src/utils.ts", "")], &[("sdk/react/src/token-helpers.ts", "")]],
    );
}

fn says_something(tree: &Tree) -> Vec<String> {
    let empty = [
        "util", "utils", "helper", "helpers", "common", "misc", "manager", "service", "impl",
        "shared", "base", "types",
    ];
    let says_nothing = |file: &&File| {
        let stem = file.name().split('.').next().unwrap_or_default();
        stem.split(['-', '_']).any(|word| empty.contains(&word.to_lowercase().as_str()))
    };
    let offenders = modules(tree).filter(says_nothing);
    offenders.map(|file| format!("{} has a name that says nothing", file.path)).collect()
}

#[test]
fn no_test_in_typescript_is_switched_off() {
    hold(
        is_switched_on,
        &[
            &[("sdk/client/src/a.test.ts", concat!("it.sk", "ip('signs in')"))],
            &[("sdk/client/tests/b.ts", concat!("describe.on", "ly('it', () => {})"))],
        ],
    );
}

fn is_switched_on(tree: &Tree) -> Vec<String> {
    let off = [".skip(", ".only(", ".todo(", "xit(", "@ts-nocheck", "@ts-ignore"];
    let mut found = Vec::new();
    for file in modules(tree) {
        for (number, line) in file.lines() {
            if off.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{number} is switched off", file.path));
            }
        }
    }
    found
}

#[test]
fn the_core_of_the_sdk_depends_on_nothing() {
    hold(
        depends_on_nothing,
        &[
            &[("sdk/client/package.json", "{\n  \"dependencies\": {}\n}")],
            &[("sdk/client/src/a.ts", "import { b } from 'b'\n")],
        ],
    );
}

/// Nor does a module of it import any but its neighbors.
fn depends_on_nothing(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let manifest = tree.find("sdk/client/package.json").map_or("", |file| &file.text);
    if manifest.contains("\"dependencies\"") {
        found.push("sdk/client/package.json has dependencies".into());
    }
    let core = |file: &&File| file.path.starts_with("sdk/client/src/") && !is_test(file);
    for file in modules(tree).filter(core) {
        for (number, line) in file.lines() {
            let imported = line.split(" from '").nth(1);
            if imported.is_some_and(|from| !from.starts_with("./") && !from.starts_with("../")) {
                found.push(format!("{}:{number} imports from outside", file.path));
            }
        }
    }
    found
}

fn modules(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files.iter().filter(|file| {
        let ours = file.path.starts_with("sdk/") || file.path.starts_with("examples/");
        let generated = file.path.contains("/dist/") || file.name().ends_with(".d.ts");
        ours && !generated && (file.has_extension("ts") || file.has_extension("tsx"))
    })
}

fn is_test(file: &File) -> bool {
    let mut folders = file.folder().split('/').skip(2);
    file.name().contains(".test.") || folders.any(|folder| folder == "tests")
}
