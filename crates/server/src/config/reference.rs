//! The settings written out for people: as a commented `menshen.toml`, and as a page of the guide.

use std::fmt::Write as _;

use super::settings::{Kind, SETTINGS, Setting};

/// A `menshen.toml` in which every setting stands commented out with its default.
pub fn reference() -> String {
    let mut text = String::from(
        "# Every setting, with its default. Later ones win: this file, then MENSHEN_*\n\
         # environment variables, then flags.\n",
    );
    let mut table = "";
    for setting in SETTINGS {
        let (in_table, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if in_table != table {
            table = in_table;
            let _ = write!(text, "\n[{table}]\n");
        }
        text.push('\n');
        for line in wrapped(setting.doc, 90) {
            let _ = writeln!(text, "# {line}");
        }
        let _ = writeln!(text, "# Environment: {}", setting.environment());
        let _ = writeln!(text, "#{name} = {}", default(setting));
    }
    text
}

/// The page of the guide about configuration.
pub fn guide() -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         No configuration is needed to begin. What there is comes from `menshen.toml` in the \
         working\ndirectory (or the file given with `--config`), from environment variables and \
         from flags; later\nones win. A key that does not exist is an error, with a suggestion. \
         `menshen config` prints a\ncommented `menshen.toml`.\n\n\
         This page is generated from the table the program goes by; a test compares them.\n",
    );
    for setting in SETTINGS {
        let _ = write!(text, "\n## `{}`\n\n", setting.key);
        for line in wrapped(setting.doc, 98) {
            let _ = writeln!(text, "{line}");
        }
        let _ = write!(text, "\nEnvironment: `{}`.", setting.environment());
        if setting.default.is_empty() {
            text.push('\n');
        } else {
            let _ = writeln!(text, " Default: `{}`.", default(setting));
        }
    }
    text
}

fn default(setting: &Setting) -> String {
    match setting.kind {
        Kind::Text => format!("\"{}\"", setting.default),
        Kind::Number | Kind::Switch => setting.default.to_owned(),
        Kind::List => "[]".to_owned(),
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.len() + 1 + word.len() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
