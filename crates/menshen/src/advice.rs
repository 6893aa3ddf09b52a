//! Failures that end with what to do next.

use std::fmt;

use crate::output::{ACCENT, BAD, paint};

/// What to try after a failure. Travels with the error as one of its contexts.
#[derive(Clone, Debug)]
struct Advice(String);

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Adds advice to an error.
pub(crate) trait Advise<T> {
    /// Says what to try.
    fn advise(self, advice: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Advise<T> for Result<T, E> {
    fn advise(self, advice: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| error.into().context(Advice(advice.into())))
    }
}

/// Prints a failure: what, why, and what to try.
pub(crate) fn print(error: &anyhow::Error) {
    let advice = error.downcast_ref::<Advice>().map(ToString::to_string);
    let causes = error.chain().map(ToString::to_string);
    let mut causes: Vec<String> = causes.filter(|cause| Some(cause) != advice.as_ref()).collect();
    // Many errors repeat their source in their own sentence.
    causes.dedup_by(|cause, before| before.contains(cause.as_str()));
    anstream::eprintln!("{} {}", paint(BAD, "error:"), causes.join(": "));
    if let Some(advice) = advice {
        anstream::eprintln!("  {} {advice}", paint(ACCENT, "try:"));
    }
}
