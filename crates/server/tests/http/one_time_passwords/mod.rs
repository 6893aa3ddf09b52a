//! One-time passwords, with an authenticator library that others wrote in the place of the phone.

mod at_the_app;
mod at_the_page;
mod in_the_account;
mod step_up;

use std::time::Duration;

use menshen_domain::one_time_password::{
    PERIOD, TotpSecret, TotpStep, recovery_code, recovery_code_hash,
};
use menshen_store::OneTimePasswords;
use menshen_token::{Timestamp, UserId};
use totp_rs::Totp;

use crate::harness::Server;

pub(crate) const MFA: &str = "urn:menshen:acr:mfa";

/// A recovery code of whoever has a [`Phone`].
pub(crate) const RECOVERY: [u8; 10] = [9; 10];

/// A phone with an authenticator app.
pub(crate) struct Phone(Totp);

impl Phone {
    /// One that reads the code on a screen.
    pub(crate) fn scan(address: &str) -> Self {
        Self(Totp::from_url(address).expect("an address that apps understand"))
    }

    /// What it shows.
    pub(crate) fn code(&self, now: Timestamp) -> String {
        self.0.generate(u64::try_from(now.as_seconds()).expect("after 1970")).to_string()
    }

    /// A code that it never shows around this time.
    pub(crate) fn wrong(&self, now: Timestamp) -> String {
        let near: Vec<String> = [now - PERIOD, now, now + PERIOD].map(|at| self.code(at)).into();
        let mut wrong = (0..).map(|number| format!("{number:06}"));
        wrong.find(|code| !near.contains(code)).expect("four are enough")
    }
}

/// Turns one-time passwords on for a user.
pub(crate) async fn turn_on(server: &Server, id: &UserId) -> Phone {
    let secret = TotpSecret::from_bytes([3; 20]);
    let on = OneTimePasswords {
        user_id: id.clone(),
        sealed_secret: server.app.keyring.seal_totp(id, &secret),
        last_step: TotpStep(0),
        turned_on_at: server.now(),
        recovery_codes: 0,
    };
    let codes = [recovery_code_hash(recovery_code(RECOVERY).expose())];
    let done = server.app.store.turn_on_one_time_passwords(&on, &codes).await;
    assert!(done.expect("written"));
    Phone::scan(secret.address("Menshen", id.as_str()).expose())
}

/// Waits until the phone shows another code.
pub(crate) fn next_code(server: &Server) {
    server.advance(Duration::from_secs(30));
}
