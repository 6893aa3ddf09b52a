//! `menshen gateway check`: what a rules file says, or what is wrong with it.

use std::path::Path;

use anyhow::Result;
use menshen_gateway::config::{Access, Config, PathPattern, Rule};

use reqwest::Method;

use crate::output;

/// Reads a rules file.
pub(super) fn run(path: &Path) -> Result<()> {
    let config = Config::read(path)?;
    let rows = config.rules.iter().map(row).collect();
    output::table(
        &["line", "rule", "paths", "methods", "who may"],
        rows,
        "no rules: nobody gets in",
    );
    output::done(&format!("{} holds; what no rule is about is denied", path.display()));
    Ok(())
}

fn row(rule: &Rule) -> Vec<String> {
    let paths: Vec<&str> = rule.paths.iter().map(PathPattern::as_str).collect();
    let methods: Vec<&str> = rule.methods.iter().map(Method::as_str).collect();
    let who = match &rule.access {
        Access::Public => "everybody".to_owned(),
        Access::Deny => "nobody".to_owned(),
        Access::Authenticated(required) => {
            let mut who: Vec<String> =
                required.authenticate.iter().map(|method| method.as_str().to_owned()).collect();
            who.extend(required.scopes.iter().map(|scope| format!("scope {scope}")));
            who.extend(required.roles.iter().map(|role| format!("role {role}")));
            who.join(", ")
        }
    };
    let methods = if methods.is_empty() { "all".to_owned() } else { methods.join(" ") };
    vec![rule.line.to_string(), rule.name.clone(), paths.join(" "), methods, who]
}
