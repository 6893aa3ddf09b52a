//! The cookies that a browser keeps.

use std::collections::BTreeMap;

use super::Answer;

/// Cookies of one site, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cookies(BTreeMap<String, String>);

impl Cookies {
    /// The value of one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of them, as they are sent.
    pub(crate) fn line(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Does what an answer says, line by line: the attributes of each.
    pub(crate) fn take(&mut self, answer: &Answer) -> Vec<String> {
        let mut taken = Vec::new();
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().expect("visible ASCII");
            let (pair, attributes) = line.split_once(';').expect("it has attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            if attributes.contains("Max-Age=0") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
            taken.push(attributes.to_owned());
        }
        taken
    }
}
