//! Which room may reach which: an arrow of ARCHITECTURE.md is a line in a `Cargo.toml`.

use std::process::Command;

use toml::Value;

use crate::hold;
use crate::manifest::{Manifest, room_of};
use crate::tree::Tree;

/// What each room may reach of the others. A new room needs a decision page first.
const ARROWS: &[(&str, &[&str])] = &[
    ("token", &[]),
    ("domain", &["token"]),
    ("store", &["token", "domain"]),
    ("server", &["token", "domain", "store"]),
    ("verifier", &["token"]),
    ("gateway", &["token", "verifier"]),
    ("menshen", &["token", "domain", "store", "server", "verifier", "gateway"]),
    ("checks", &[]),
];

/// All that the pure rooms may use: no runtime, no input or output, no clock.
const PURE: &[(&str, &[&str])] = &[
    ("token", &["serde", "serde_json", "base64", "aws-lc-rs", "thiserror", "url"]),
    (
        "domain",
        &[
            "serde",
            "serde_json",
            "base64",
            "aws-lc-rs",
            "subtle",
            "zeroize",
            "argon2",
            "password-hash",
            "thiserror",
            "url",
        ],
    ),
];

const BANNED: &[&str] = &["ring", "openssl", "openssl-sys", "native-tls"];

#[test]
fn rooms_reach_each_other_only_along_the_arrows() {
    hold(
        follows_the_arrows,
        &[
            &[("crates/verifier/Cargo.toml", "[dependencies]\nmenshen-store.workspace = true")],
            &[("crates/token/Cargo.toml", "[dependencies]\nx = { package = \"menshen-domain\" }")],
            &[("crates/gadget/Cargo.toml", "[dependencies]\n")],
        ],
    );
}

fn follows_the_arrows(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for manifest in Manifest::all(tree) {
        let Some((_, allowed)) = ARROWS.iter().find(|(room, _)| *room == manifest.room) else {
            found.push(format!("crates/{} is a new room: decide it, draw it", manifest.room));
            continue;
        };
        for (name, _) in manifest.shipped() {
            if room_of(&name).is_some_and(|reached| !allowed.contains(&reached)) {
                found.push(format!("there is no arrow from {} to {name}", manifest.room));
            }
        }
    }
    found
}

#[test]
fn the_arms_meet_in_tests_of_neither() {
    hold(
        stays_apart,
        &[&[("crates/server/Cargo.toml", "[dev-dependencies]\nmenshen-verifier.path = \"\"")]],
    );
}

/// A test that needs both arms is a story and belongs into `checks`.
fn stays_apart(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for manifest in Manifest::all(tree).iter().filter(|manifest| manifest.room != "checks") {
        let allowed = ARROWS.iter().find(|(room, _)| *room == manifest.room);
        for (name, _) in manifest.dependencies("dev-dependencies") {
            let permitted = |reached: &str| {
                reached == manifest.room || allowed.is_some_and(|(_, to)| to.contains(&reached))
            };
            if room_of(&name).is_some_and(|reached| !permitted(reached)) {
                found.push(format!("the tests of {} reach {name}", manifest.room));
            }
        }
    }
    found
}

#[test]
fn token_and_domain_stay_pure() {
    hold(
        is_pure,
        &[
            &[("crates/domain/Cargo.toml", "[dependencies]\ntokio.workspace = true")],
            &[("crates/token/src/a.rs", "async fn a() {}")],
        ],
    );
}

fn is_pure(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for manifest in Manifest::all(tree) {
        let Some((_, allowed)) = PURE.iter().find(|(room, _)| *room == manifest.room) else {
            continue;
        };
        for (name, _) in manifest.shipped() {
            if room_of(&name).is_none() && !allowed.contains(&name.as_str()) {
                found.push(format!("{} may not use {name}", manifest.room));
            }
        }
    }
    let impure = ["async fn", "std::fs", "std::process", "std::thread", "TcpStream", "UdpSocket"];
    let pure = |room: Option<&str>| PURE.iter().any(|(name, _)| Some(*name) == room);
    for file in tree.rust().filter(|file| pure(file.room())) {
        for (number, line) in file.shipped_lines() {
            if let Some(word) = impure.iter().find(|word| line.contains(**word)) {
                found.push(format!("{}:{number} has `{word}`", file.path));
            }
        }
    }
    found
}

#[test]
fn only_the_store_knows_the_database() {
    hold(
        leaves_sql_to_the_store,
        &[
            &[("crates/server/Cargo.toml", "[dev-dependencies]\nsqlx.workspace = true")],
            &[("crates/server/src/a.rs", "use sqlx::query;")],
        ],
    );
}

fn leaves_sql_to_the_store(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for manifest in Manifest::all(tree).iter().filter(|manifest| manifest.room != "store") {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            if manifest.dependencies(section).iter().any(|(name, _)| name.starts_with("sqlx")) {
                found.push(format!("{} depends on sqlx", manifest.room));
            }
        }
    }
    let rooms = tree.rust().filter(|file| !matches!(file.room(), Some("store" | "checks") | None));
    for file in rooms.filter(|file| file.text.contains("sqlx::")) {
        found.push(format!("{} speaks SQL", file.path));
    }
    found
}

#[test]
fn every_crate_takes_versions_and_lints_from_the_workspace() {
    hold(
        follows_the_workspace,
        &[
            &[(
                "crates/token/Cargo.toml",
                "[dependencies]\nurl = \"2\"\n[lints]\nworkspace = true",
            )],
            &[("crates/token/Cargo.toml", "[dependencies]\n")],
        ],
    );
}

fn follows_the_workspace(tree: &Tree) -> Vec<String> {
    let inherits = |value: Option<&Value>| {
        value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
    };
    let mut found = Vec::new();
    for manifest in Manifest::all(tree) {
        if !inherits(manifest.table.get("lints")) {
            found.push(format!("{} does not take its lints from the workspace", manifest.room));
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in manifest.dependencies(section) {
                // A crate may name itself, to switch a feature on for its own tests.
                if !inherits(Some(&value)) && room_of(&name) != Some(manifest.room) {
                    found.push(format!("{} pins {name} by itself", manifest.room));
                }
            }
        }
    }
    found
}

/// The lock file names crates that no build of ours takes in, so cargo is asked what it builds.
#[test]
fn there_is_one_tls_stack() {
    assert_eq!(banned("ring v0.17.14\nserde v1.0.0"), ["ring v0.17.14"], "the rule is blind");
    let tree = ["tree", "--workspace", "--all-features", "--offline", "--prefix=none"];
    let output = Command::new(env!("CARGO"))
        .args(tree)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs: it started this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packages = String::from_utf8_lossy(&output.stdout);
    assert!(packages.contains("aws-lc-rs "), "cargo tree prints what we expect");
    assert_eq!(banned(&packages), [""; 0]);
}

fn banned(packages: &str) -> Vec<&str> {
    let name_of = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    packages.lines().filter(|line| BANNED.contains(&name_of(line).as_str())).collect()
}
