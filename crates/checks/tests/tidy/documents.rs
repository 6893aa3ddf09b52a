//! What the documents say about the tree is so.

use menshen_token::Reason;

use crate::hold;
use crate::tree::{File, Tree};

#[test]
fn links_between_our_files_resolve() {
    hold(
        resolves,
        &[
            &[("docs/a.md", "see [b](b.md)")],
            &[("docs/a.md", "see [b](b.md#there)"), ("docs/b.md", "# Here\n")],
            &[("docs/a.md", "see [below](#below)")],
            &[("docs/a.md", "<img src=\"../picture.svg\">")],
        ],
    );
}

fn resolves(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| file.has_extension("md")) {
        for target in links(&file.text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = joined(file.folder(), path, &file.path);
            let anchored = |file: &File| anchor.is_empty() || headings(file).contains(anchor);
            let exists = tree.find(&path).map_or(anchor.is_empty() && tree.has(&path), anchored);
            if !exists {
                found.push(format!("{} links to {target}, which is not there", file.path));
            }
        }
    }
    found
}

fn links(text: &str) -> Vec<&str> {
    let outside_code = text.split("```").step_by(2);
    let mut found = Vec::new();
    for part in outside_code {
        for (open, close) in [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"'), ("href=\"", '"')] {
            let candidates = part.split(open).skip(1);
            found.extend(candidates.filter_map(|rest| rest.split(close).next()));
        }
    }
    found
}

fn joined(folder: &str, link: &str, own_path: &str) -> String {
    if link.is_empty() {
        return own_path.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The anchors of a page, as GitHub makes them from its headings; one per line.
fn headings(file: &File) -> String {
    let lines = file.text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
        kept.collect::<String>()
    };
    lines.map(anchor).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_decision_is_listed_and_numbered() {
    hold(
        is_listed,
        &[
            &[("docs/decisions/README.md", ""), ("docs/decisions/0001-a.md", "# A")],
            &[("docs/decisions/README.md", "(0002-a.md)"), ("docs/decisions/0002-a.md", "# A")],
        ],
    );
}

fn is_listed(tree: &Tree) -> Vec<String> {
    let list = tree.find("docs/decisions/README.md").map_or("", |file| &file.text);
    let mut found = Vec::new();
    let pages = tree.files.iter().filter(|file| file.folder() == "docs/decisions");
    for (index, page) in pages.filter(|file| file.name() != "README.md").enumerate() {
        if !list.contains(&format!("({})", page.name())) {
            found.push(format!("{} is not listed in docs/decisions/README.md", page.path));
        }
        if !page.name().starts_with(&format!("{:04}-", index + 1)) {
            found.push(format!("{} is out of order: expected number {}", page.path, index + 1));
        }
    }
    found
}

#[test]
fn the_map_is_the_territory() {
    hold(
        is_on_the_map,
        &[
            &[("ARCHITECTURE.md", ""), ("crates/token/Cargo.toml", "")],
            &[("ARCHITECTURE.md", "`crates/token`"), ("crates/a", "")],
            &[
                ("ARCHITECTURE.md", "`crates/token` `token/gone.rs`"),
                ("crates/token/Cargo.toml", ""),
            ],
            &[("ARCHITECTURE.md", "`sdk/client/gone.ts`"), ("sdk/client/src/client.ts", "")],
        ],
    );
}

/// ARCHITECTURE.md names every crate as `crates/name`, and a file as `name/file.rs`, where
/// `src` is left out; so it is in the packages of `sdk`.
fn is_on_the_map(tree: &Tree) -> Vec<String> {
    let map = tree.find("ARCHITECTURE.md").map_or("", |file| &file.text);
    let mut found = Vec::new();
    for room in tree.rooms() {
        if !map.contains(&format!("`crates/{room}`")) {
            found.push(format!("crates/{room} is not on the map"));
        }
    }
    for named in map.split('`').skip(1).step_by(2) {
        let (first, rest) = named.split_once('/').unwrap_or((named, ""));
        let known = match first {
            "crates" | "docs" | "scripts" | "vectors" | "examples" => {
                tree.has(named.trim_end_matches('/'))
            }
            "sdk" => {
                let (package, rest) = rest.split_once('/').unwrap_or((rest, ""));
                let places = ["src/", ""].map(|place| format!("sdk/{package}/{place}{rest}"));
                places.iter().any(|place| tree.has(place.trim_end_matches('/')))
            }
            room if tree.rooms().contains(&room) && !rest.is_empty() => {
                let rest = rest.trim_end_matches('/');
                let places = ["src/", ""].map(|place| format!("crates/{room}/{place}{rest}"));
                rest.contains(['(', ' ']) || places.iter().any(|place| tree.has(place))
            }
            _ => true,
        };
        if !known {
            found.push(format!("ARCHITECTURE.md names {named}, which is not there"));
        }
    }
    found
}

#[test]
fn the_map_shows_each_place_once() {
    hold(
        is_on_the_map_once,
        &[&[(
            "ARCHITECTURE.md",
            "| `token/a.rs` | reads |\n| `token/b.rs`, `token/a.rs` | writes |\n",
        )]],
    );
}

/// The first cell of a row of a table of rooms names files; each stands in one row.
fn is_on_the_map_once(tree: &Tree) -> Vec<String> {
    let map = tree.find("ARCHITECTURE.md").map_or("", |file| &file.text);
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split(" |").next());
    let mut named: Vec<&str> = cells
        .flat_map(|cell| cell.split(['`', ',', ' ']))
        .filter(|name| !name.is_empty())
        .collect();
    named.sort_unstable();
    let twice = named.windows(2).filter(|pair| pair[0] == pair[1]);
    twice.map(|pair| format!("ARCHITECTURE.md shows {} twice", pair[0])).collect()
}

#[test]
fn documents_name_only_verbs_that_exist() {
    hold(knows_its_verbs, &[&[("Makefile", "test: ## x"), ("README.md", "run `make tset`")]]);
}

fn knows_its_verbs(tree: &Tree) -> Vec<String> {
    let makefile = tree.find("Makefile").map_or("", |file| &file.text);
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| file.has_extension("md")) {
        for named in file.text.split("`make ").skip(1) {
            let verb: String = named.chars().take_while(char::is_ascii_lowercase).collect();
            if !makefile.lines().any(|line| line.starts_with(&format!("{verb}:"))) {
                found.push(format!("{} says `make {verb}`, which is no verb", file.path));
            }
        }
    }
    found
}

#[test]
fn every_reason_is_explained_to_those_it_happens_to() {
    hold(is_explained, &[&[("docs/guide/logging-out.md", "| `logout` | |")]]);
}

fn is_explained(tree: &Tree) -> Vec<String> {
    let page = tree.find("docs/guide/logging-out.md").map_or("", |file| &file.text);
    let unexplained = Reason::ALL.iter().filter(|reason| !page.contains(&format!("`{reason}`")));
    unexplained
        .map(|reason| format!("docs/guide/logging-out.md does not explain `{reason}`"))
        .collect()
}
