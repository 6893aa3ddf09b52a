//! The rules as frames build them up. No I/O: what a frame does, and what it must not do.

use menshen_token::{Frame, RevocationSet, Seq, Timestamp};

/// The rules held, the position they speak for, and a snapshot that is still arriving.
#[derive(Debug, Default)]
pub(crate) struct HeldRules {
    rules: RevocationSet,
    applied: Option<Seq>,
    /// What has arrived of a snapshot.
    arriving: Option<(Seq, RevocationSet)>,
    /// Whether this connection has shown that it goes on where we are.
    connected: bool,
    /// Whether there may be a rule that we do not hold and would not be sent.
    doubted: bool,
    /// The furthest head that this connection told.
    head: Seq,
}

/// What a frame did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A part of a snapshot; more will come.
    Collected,
    /// The rules changed.
    Moved,
    /// The rules were complete when the server's clock said this.
    Complete(Timestamp),
}

/// Why a stream cannot be followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// Entries were left out, or the frame makes no sense at this place.
    #[error("feed has a hole")]
    Hole,
    /// The log is shorter than it was.
    #[error("feed went backwards")]
    Backwards,
}

impl HeldRules {
    /// The rules, to be swapped in after [`Step::Moved`].
    pub(crate) fn rules(&self) -> &RevocationSet {
        &self.rules
    }

    /// How many rules there are to work on, those of an arriving snapshot included.
    pub(crate) fn len(&self) -> usize {
        self.rules.len() + self.arriving.as_ref().map_or(0, |(_, rules)| rules.len())
    }

    /// The position up to which the rules speak.
    pub(crate) fn applied(&self) -> Option<Seq> {
        self.applied
    }

    /// The position to go on from; `None` asks for a snapshot.
    pub(crate) fn resume_point(&self) -> Option<Seq> {
        if self.doubted { None } else { self.applied }
    }

    /// Something was not understood: only a snapshot makes up for it, however many connections
    /// it takes to get one.
    pub(crate) fn doubt(&mut self) {
        self.doubted = true;
    }

    /// A new connection begins, which was asked to go on after `resumed`.
    pub(crate) fn connect(&mut self, resumed: Option<Seq>) {
        self.arriving = None;
        self.connected = resumed.is_some();
        self.head = resumed.unwrap_or_default();
    }

    /// Applies one frame at an instant.
    ///
    /// # Errors
    ///
    /// [`Broken`]: the rules are as they were, but must not be called complete before a
    /// snapshot has replaced them.
    pub(crate) fn apply(&mut self, frame: Frame, now: Timestamp) -> Result<Step, Broken> {
        match frame {
            Frame::Snapshot { head, entries, last } => {
                let (begun, mut rules) = self.arriving.take().unwrap_or((head, <_>::default()));
                if begun != head {
                    return Err(Broken::Hole);
                }
                rules.extend(&entries, now);
                if !last {
                    self.arriving = Some((head, rules));
                    return Ok(Step::Collected);
                }
                self.rules = rules;
                self.applied = Some(head);
                self.connected = true;
                self.doubted = false;
                self.head = head;
                Ok(Step::Moved)
            }
            Frame::Append { entries } => {
                let applied = self.position()?;
                let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
                    return Err(Broken::Hole);
                };
                if first.seq != applied.next() {
                    return Err(Broken::Hole);
                }
                self.rules.extend(&entries, now);
                self.applied = Some(last.seq);
                Ok(Step::Moved)
            }
            Frame::Heartbeat { head, now } => {
                let applied = self.position()?;
                if head < self.head {
                    return Err(Broken::Backwards);
                }
                if head > applied {
                    return Err(Broken::Hole);
                }
                self.head = head;
                Ok(Step::Complete(now))
            }
        }
    }

    /// Forgets rules that have expired.
    pub(crate) fn prune(&mut self, now: Timestamp) {
        self.rules.prune(now);
    }

    /// The position that anything but a snapshot goes on from.
    fn position(&self) -> Result<Seq, Broken> {
        match self.applied {
            Some(applied) if self.connected && self.arriving.is_none() => Ok(applied),
            _ => Err(Broken::Hole),
        }
    }
}

#[cfg(test)]
mod tests;
