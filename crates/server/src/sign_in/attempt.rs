//! An attempt to prove who one is, counted before anything is looked at, so that guessing is slow.

use std::net::IpAddr;

use menshen_domain::user::Username;
use menshen_store::{Admission, Attempt, StoreError};
use menshen_token::UserId;

use super::is_counted;
use crate::app::App;
use crate::error::OAuthError;

/// An attempt that goes ahead; one from an exempt network is not counted.
pub(super) struct Counted(Option<Attempt>);

impl Counted {
    /// Counts an attempt at an account, or at a name that is nobody's.
    ///
    /// # Errors
    ///
    /// [`OAuthError::TooManyAttempts`]; the store's.
    pub(super) async fn begin(
        app: &App,
        address: IpAddr,
        account: Option<UserId>,
        username: Username,
    ) -> Result<Self, OAuthError> {
        if !is_counted(app, address) {
            return Ok(Self(None));
        }
        let attempt = Attempt { address, account, username };
        match app.store.begin_attempt(&attempt, app.now()).await? {
            Admission::Go => Ok(Self(Some(attempt))),
            Admission::Wait(wait) => Err(OAuthError::TooManyAttempts(wait)),
        }
    }

    /// It was right: takes the count back, and remembers the address as one of the account's.
    pub(super) async fn forgive(self, app: &App) -> Result<(), StoreError> {
        match &self.0 {
            Some(attempt) => app.store.forgive_attempt(attempt, app.now()).await,
            None => Ok(()),
        }
    }

    /// Nothing came of it, and nobody is to blame: takes the count back, and that is all.
    pub(super) async fn withdraw(self, app: &App) -> Result<(), StoreError> {
        match &self.0 {
            Some(attempt) => app.store.withdraw_attempt(attempt).await,
            None => Ok(()),
        }
    }
}
