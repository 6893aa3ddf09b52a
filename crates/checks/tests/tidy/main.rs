//! The house rules of CONTRIBUTING.md as a program. Each rule is one test, and each shows that it
//! can fail: `hold` first feeds it samples that it must refuse, then the repository.

mod arrows;
mod database;
mod documents;
mod manifest;
mod shape;
mod tree;
mod typescript;
mod words;

use tree::Tree;

/// A rule names what offends it, one sentence each.
type Rule = fn(&Tree) -> Vec<String>;

/// Asserts that the repository obeys a rule, and that the rule would notice each bad sample.
#[track_caller]
fn hold(rule: Rule, bad_samples: &[&[(&str, &str)]]) {
    for sample in bad_samples {
        let found = rule(&Tree::of(sample));
        assert!(!found.is_empty(), "the rule is blind: it finds nothing wrong with {sample:?}");
    }
    let found = rule(&Tree::of_repository());
    assert!(found.is_empty(), "\n  {}\n", found.join("\n  "));
}
