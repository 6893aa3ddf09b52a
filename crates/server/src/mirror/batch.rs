//! What one write to the mirror says; the script beside it does it.

use menshen_token::{Entry, Seq, SessionId, Timestamp};
use redis::Script;

use super::keys::Keys;

/// One write: all of it is done, or nothing.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Of a rebuild: what must stand in its key, and what shall stand there then; nothing ends it.
    pub(super) rebuild: Option<(String, Option<String>)>,
    pub(super) rules: Vec<Entry>,
    /// The head that the rules go on from, and the one after them.
    pub(super) head: Option<(Seq, Seq)>,
    /// The clock of Redis before the log was found to end at the second head.
    pub(super) rules_as_of: Option<Timestamp>,
    /// Sessions, and when each ends at the latest; nothing when it has ended.
    pub(super) sessions: Vec<(SessionId, Option<Timestamp>)>,
    /// The cursor that the sessions go on from, and the one after them.
    pub(super) cursor: Option<(Timestamp, Timestamp)>,
    /// The clock of Redis before the sessions were read up to the present.
    pub(super) sessions_as_of: Option<Timestamp>,
}

impl Batch {
    /// The call that does this, when the clock of Redis was last heard to show an instant.
    pub(super) fn call<'s>(
        &self,
        script: &'s Script,
        keys: &Keys,
        heard_at: Timestamp,
    ) -> redis::ScriptInvocation<'s> {
        let mut call = script.prepare_invoke();
        call.key(&keys.books()[..]);
        call.arg(heard_at.as_millis());
        let (held, next) = self.rebuild.clone().unwrap_or_default();
        call.arg(held).arg(next.unwrap_or_default());
        let (from, to) = pair(self.head.map(|(from, to)| (from.0, to.0)));
        call.arg(from).arg(to);
        let millis = |(from, to): (Timestamp, Timestamp)| (from.as_millis(), to.as_millis());
        let (from, to) = pair(self.cursor.map(millis));
        call.arg(from).arg(to);
        call.arg(or_nothing(self.rules_as_of)).arg(or_nothing(self.sessions_as_of));
        call.arg(self.rules.len());
        for entry in &self.rules {
            call.key(keys.rule(&entry.revocation));
            match entry.revocation.before() {
                Some(before) => call.arg("cutoff").arg(before.as_millis()),
                None => call.arg("name").arg(entry.reason.as_str()),
            };
            call.arg(entry.expires_at.as_millis());
        }
        for (id, lives_until) in &self.sessions {
            call.key(keys.session(*id)).key(keys.ended(*id));
            call.arg(or_nothing(*lives_until));
        }
        call
    }
}

fn pair<T: ToString>(pair: Option<(T, T)>) -> (String, String) {
    pair.map(|(from, to)| (from.to_string(), to.to_string())).unwrap_or_default()
}

fn or_nothing(instant: Option<Timestamp>) -> String {
    instant.map(|instant| instant.as_millis().to_string()).unwrap_or_default()
}
