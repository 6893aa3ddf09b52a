//! The names of the keys, as `docs/mirror.md` gives them.

use menshen_token::{Revocation, SessionId};

/// Names keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// What the script keeps its books in, in the order in which it takes them.
    pub(super) fn books(&self) -> [String; 6] {
        ["head", "rebuild", "alive", "as_of", "sessions", "cursor"].map(|name| self.book(name))
    }

    pub(super) fn head(&self) -> String {
        self.book("head")
    }

    pub(super) fn cursor(&self) -> String {
        self.book("cursor")
    }

    pub(super) fn rebuild(&self) -> String {
        self.book("rebuild")
    }

    pub(super) fn rule(&self, rule: &Revocation) -> String {
        match rule.value() {
            Some(value) => format!("{}revoked:{}:{value}", self.prefix, rule.kind()),
            None => format!("{}revoked:{}", self.prefix, rule.kind()),
        }
    }

    pub(super) fn session(&self, id: SessionId) -> String {
        format!("{}session:{id}", self.prefix)
    }

    /// Every key of a session, as a pattern.
    pub(super) fn sessions(&self) -> String {
        format!("{}session:*", self.prefix)
    }

    /// The mark that a session has ended.
    pub(super) fn ended(&self, id: SessionId) -> String {
        format!("{}mirror:ended:{id}", self.prefix)
    }

    fn book(&self, name: &str) -> String {
        format!("{}mirror:{name}", self.prefix)
    }
}
