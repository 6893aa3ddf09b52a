//! What is wrong with a rules file: the line, what, and what was meant.

use std::fmt;
use std::ops::Range;
use std::path::Path;

/// Something in a rules file is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file and, where known, the line: `gateway.toml:12`.
    pub place: String,
    /// The line as it stands there; empty when the whole file is meant.
    pub line: String,
    /// What is wrong.
    pub what: String,
    /// What was perhaps meant.
    pub hint: Option<String>,
}

impl Problem {
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self::in_file(path, format!("the file cannot be read: {error}"))
    }

    /// Something is wrong with a whole file, such as a certificate.
    pub(crate) fn in_file(path: &Path, what: String) -> Self {
        Self::elsewhere(&path.display().to_string(), what)
    }

    /// Something is wrong that no line shows.
    pub(crate) fn elsewhere(place: &str, what: String) -> Self {
        Self { place: place.to_owned(), line: String::new(), what, hint: None }
    }

    pub(super) fn at(name: &str, text: &str, span: Option<Range<usize>>, what: String) -> Self {
        let Some(span) = span else {
            return Self { place: name.to_owned(), line: String::new(), what, hint: None };
        };
        let start = span.start.min(text.len());
        let before = text.get(..start).unwrap_or(text);
        let number = before.matches('\n').count();
        let line = text.lines().nth(number).unwrap_or_default().trim().to_owned();
        let (what, hint) = explained(&what);
        Self { place: format!("{name}:{}", number + 1), line, what, hint }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)?;
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        if !self.line.is_empty() {
            write!(f, "\n    {}", self.line)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// The parser names what it expected; the nearest of those is what was meant.
fn explained(message: &str) -> (String, Option<String>) {
    let unknown = ["unknown field", "unknown variant"].iter().any(|kind| message.starts_with(kind));
    if !unknown {
        return (message.trim().to_owned(), None);
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let Some(found) = names.next() else { return (message.to_owned(), None) };
    let known: Vec<&str> = names.collect();
    let what = format!("`{found}` means nothing here");
    let hint = nearest(found, &known).map(|name| format!("did you mean `{name}`?"));
    (what, hint.or_else(|| Some(format!("known are {}", known.join(", ")))))
}

/// The known name that was perhaps meant.
pub(super) fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known.iter().map(|name| (strsim::jaro_winkler(found, name), *name));
    let best = scored.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, name)| name)
}
