//! Who waits on this node for the end of one session. The log's tail is looked through once for all
//! of them, and wakes those whom an entry may concern: a hint, after which they ask the store.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use menshen_token::{AccessToken, Entry, GrantId, Jti, Revocation, SessionId, Timestamp, UserId};
use tokio::sync::{Notify, SemaphorePermit};

use super::hub::{Hub, stopped};

/// Everybody who waits, by what the entries of the log name.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    last: u64,
    waiting: HashMap<u64, Waiting>,
    named: HashMap<Name, Vec<u64>>,
    due: BTreeSet<(Timestamp, u64)>,
}

/// How many may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WatchLimits {
    /// For one session.
    pub(crate) session: usize,
    /// For all sessions of one user.
    pub(crate) user: usize,
    /// On this node.
    pub(crate) node: usize,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// That of the session.
    Session,
    /// That of the user.
    User,
    /// That of the node.
    Node,
}

#[derive(Debug)]
struct Waiting {
    token: Arc<AccessToken>,
    wake: Arc<Notify>,
    due_at: Option<Timestamp>,
}

/// What an entry names that few tokens have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Session(SessionId),
    Grant(GrantId),
    Token(Jti),
    User(UserId),
}

impl Name {
    fn all_of(token: &AccessToken) -> impl Iterator<Item = Self> {
        let session = token.session_id.map(Self::Session);
        let grant = token.grant_id.map(Self::Grant);
        let always = [Self::Token(token.jti), Self::User(token.subject.clone())];
        session.into_iter().chain(grant).chain(always)
    }

    /// What the entry of this rule finds its tokens by; `None` when they have to be looked for.
    fn in_rule(rule: &Revocation) -> Option<Self> {
        match rule {
            Revocation::Session(id) => Some(Self::Session(*id)),
            Revocation::Grant(id) => Some(Self::Grant(*id)),
            Revocation::Token(jti) => Some(Self::Token(*jti)),
            Revocation::UserBefore(id, _) => Some(Self::User(id.clone())),
            Revocation::ClientBefore(..) | Revocation::Key(_) | Revocation::AllBefore(_) => None,
        }
    }
}

impl Watchers {
    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.waiting.len()
    }

    fn add(
        &mut self,
        token: &Arc<AccessToken>,
        limits: WatchLimits,
    ) -> Result<(u64, Arc<Notify>), NoRoom> {
        if self.waiting.len() >= limits.node {
            return Err(NoRoom::Node);
        }
        let waiting = |name| self.named.get(&name).map_or(0, Vec::len);
        if Name::all_of(token).next().map_or(0, waiting) >= limits.session {
            return Err(NoRoom::Session);
        }
        if waiting(Name::User(token.subject.clone())) >= limits.user {
            return Err(NoRoom::User);
        }
        self.last += 1;
        for name in Name::all_of(token) {
            self.named.entry(name).or_default().push(self.last);
        }
        let wake = Arc::new(Notify::new());
        let waiting = Waiting { token: token.clone(), wake: wake.clone(), due_at: None };
        self.waiting.insert(self.last, waiting);
        Ok((self.last, wake))
    }

    fn remove(&mut self, id: u64) {
        let Some(waiting) = self.waiting.remove(&id) else { return };
        if let Some(due_at) = waiting.due_at {
            self.due.remove(&(due_at, id));
        }
        for name in Name::all_of(&waiting.token) {
            if let Some(ids) = self.named.get_mut(&name) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.named.remove(&name);
                }
            }
        }
    }

    fn wake_at(&mut self, id: u64, at: Timestamp) {
        let Some(waiting) = self.waiting.get_mut(&id) else { return };
        if let Some(before) = waiting.due_at.replace(at) {
            self.due.remove(&(before, id));
        }
        self.due.insert((at, id));
    }

    /// Wakes whoever an entry kills the token of; everybody, when it cannot be told which entries
    /// there were.
    fn tell(&self, entries: Option<&[Entry]>) {
        let Some(entries) = entries else {
            self.waiting.values().for_each(|waiting| waiting.wake.notify_one());
            return;
        };
        for rule in entries.iter().map(|entry| &entry.revocation) {
            let wake = |waiting: &Waiting| {
                if rule.kills(&waiting.token) {
                    waiting.wake.notify_one();
                }
            };
            match Name::in_rule(rule) {
                Some(name) => {
                    let ids = self.named.get(&name).into_iter().flatten();
                    ids.filter_map(|id| self.waiting.get(id)).for_each(wake);
                }
                None => self.waiting.values().for_each(wake),
            }
        }
    }

    fn wake_due(&mut self, now: Timestamp) {
        while let Some((at, id)) = self.due.pop_first() {
            if at > now {
                self.due.insert((at, id));
                return;
            }
            if let Some(waiting) = self.waiting.get_mut(&id) {
                waiting.due_at = None;
                waiting.wake.notify_one();
            }
        }
    }
}

/// A place among those who wait, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    hub: Hub,
    id: u64,
    wake: Arc<Notify>,
}

impl Hub {
    /// Takes a place among those who wait. What is committed after this has returned wakes them;
    /// what was committed before, the store says.
    ///
    /// # Errors
    ///
    /// [`NoRoom`].
    pub(crate) fn watch(
        &self,
        token: &Arc<AccessToken>,
        limits: WatchLimits,
    ) -> Result<Watch, NoRoom> {
        let (id, wake) = self.watchers().add(token, limits)?;
        Ok(Watch { hub: self.clone(), id, wake })
    }
}

impl Watch {
    /// Waits until there may be news. Nothing is lost when it is given up and asked for again.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// There may also be news at an instant of which the log will say nothing.
    pub(crate) fn wake_at(&self, at: Timestamp) {
        self.hub.watchers().wake_at(self.id, at);
    }

    /// Waits for a turn to ask the store: an entry may concern everybody at once, and others have
    /// questions, too. `None` when there will be none.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.hub.turns().acquire().await.ok()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.watchers().remove(self.id);
    }
}

/// Wakes those who wait, until the hub closes.
pub(super) async fn wake(hub: Hub) {
    let mut tail = hub.tail();
    let mut closing = hub.closing();
    let mut seen = tail.borrow_and_update().head;
    loop {
        tokio::select! {
            changed = tail.changed() => if changed.is_err() { return },
            () = stopped(&mut closing) => return,
        }
        let head = tail.borrow_and_update().head;
        let entries = if head == seen { Some(Vec::new()) } else { hub.recent(seen, usize::MAX) };
        seen = head;
        let now = hub.clock().now();
        let mut watchers = hub.watchers();
        watchers.tell(entries.as_deref());
        watchers.wake_due(now);
    }
}

#[cfg(test)]
mod tests;
