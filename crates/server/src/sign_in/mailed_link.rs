//! Links in mails: 32 random bytes, of which only the hash is kept.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::RawQuery;
use menshen_domain::user::Username;
use menshen_domain::{Secret, SecretHash};
use menshen_store::{Admission, Attempt, LinkPurpose, MailedLink, StoreError};

use crate::app::App;
use crate::form::Form;

/// For how many minutes a link is good.
pub(super) const MINUTES: u64 = 30;

/// The field of the secret, in the link and in the form behind it.
pub(super) const FIELD: &str = "token";

/// The longest path that somebody is sent on to from a mail.
const LONGEST_NEXT: usize = 4 * 1024;

/// A link that nobody has seen yet.
pub(super) struct Fresh {
    /// The whole link.
    pub(super) url: String,
    hash: SecretHash,
}

impl Fresh {
    /// A link to a page of ours.
    pub(super) fn draw(app: &App, path: &str) -> Self {
        let secret = Secret::from_random(app.random());
        let url = app.config.endpoint(&format!("{path}?{FIELD}={}", secret.expose()));
        Self { url, hash: secret.hash() }
    }

    /// Keeps what is needed to know it again; `false` when it is not to be mailed.
    pub(super) async fn keep(
        &self,
        app: &App,
        address: &str,
        purpose: LinkPurpose,
        next: &str,
    ) -> Result<bool, StoreError> {
        let link = MailedLink {
            hash: self.hash.clone(),
            address: address.to_owned(),
            purpose,
            next: (next.len() <= LONGEST_NEXT).then(|| next.to_owned()),
            expires_at: app.now() + Duration::from_mins(MINUTES),
        };
        app.store.keep_mailed_link(&link, app.now()).await
    }
}

/// The secret that a link brings.
pub(super) fn secret_of(query: &RawQuery) -> Secret {
    let form = Form::parse(query.0.as_deref().unwrap_or_default().as_bytes());
    let secret = form.as_ref().ok().and_then(|form| form.text(FIELD));
    Secret::new(secret.unwrap_or_default().to_owned())
}

/// Counts somebody who asks for mail, by address and by name, or says how long they have to wait.
/// The name is another one than that for passwords: whoever has just guessed the own password in
/// vain may ask at once, and asking makes no sign-in wait. It is nobody's, whoever it is, and so
/// tells nobody apart.
pub(super) async fn admit(
    app: &App,
    address: IpAddr,
    name: &Username,
) -> Result<Admission, StoreError> {
    let counted = format!("mail to {}", SecretHash::of(name.as_str().as_bytes()).as_str());
    let username = counted.parse().expect("a hash is short and has no control characters");
    app.store.begin_attempt(&Attempt { address, account: None, username }, app.now()).await
}
