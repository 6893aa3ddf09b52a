//! Counting password attempts, so that they can be slowed down.

use std::time::Duration;

use menshen_domain::user::Username;
use menshen_token::{Timestamp, UserId};

use crate::{Result, Store};

/// Somebody wants to try a password.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The address they call from.
    pub address: String,
    /// The account they want, if the name is somebody's.
    pub account: Option<UserId>,
    /// The name they gave.
    pub username: Username,
}

/// Whether an attempt may go ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may, and has been counted.
    Go,
    /// Not before this much time has passed; it has not been counted.
    Wait(Duration),
}

impl Store {
    /// Counts an attempt, before its password is looked at, or says how long it has to wait.
    /// A name that is nobody's is counted like one that is somebody's.
    pub async fn begin_attempt(&self, attempt: &Attempt, now: Timestamp) -> Result<Admission> {
        todo!()
    }

    /// The password was right: takes the count back, and remembers the address as one that
    /// the account signs in from.
    pub async fn forgive_attempt(&self, attempt: &Attempt, now: Timestamp) -> Result<()> {
        todo!()
    }
}
