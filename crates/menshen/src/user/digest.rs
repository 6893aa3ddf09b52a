//! `menshen user digest`: HTTP Digest is on for those only who ask for it, because what it is judged
//! by is as good as the password in its realm.

use anyhow::{Context as _, Result, anyhow, bail};
use menshen_domain::credential::{PasswordHasher, PasswordVerdict};
use menshen_domain::{Secret, User};

use crate::advice::Advise as _;
use crate::database::Database;
use crate::output;

/// Turns it on for whoever has this password.
pub(super) async fn turn_on(database: &Database, user: &User, password: &Secret) -> Result<()> {
    if user.username.as_str().contains(':') {
        bail!("HTTP Digest has no room for a user name with a colon in it");
    }
    let (store, config) = (&database.store, &database.config);
    let stored = store.find_password(&user.id).await?;
    let mut hasher =
        PasswordHasher::new(config.hashing_cost).context("failed to set up password hashing")?;
    let verdict = hasher.verify(password, stored.as_ref());
    let right = matches!(verdict, PasswordVerdict::Match | PasswordVerdict::MatchOutdated);
    let Some(stored) = stored.filter(|_| right) else {
        bail!("that is not the password of {}", user.username);
    };
    let keyring = database.keyring().await?;
    let key = keyring.seal_digest_key(user, &config.digest_realm, password);
    if !store.keep_digest_key(&user.id, &stored, &key).await? {
        return Err(anyhow!("{} may not sign in, or has a new password", user.username))
            .advise("menshen user list");
    }
    output::done(&format!("{} can use HTTP Digest in the realm {}", user.username, key.realm));
    Ok(())
}

/// Turns it off.
pub(super) async fn turn_off(database: &Database, user: &User) -> Result<()> {
    database.store.remove_digest_key(&user.id).await?;
    output::done(&format!("{} can no longer use HTTP Digest", user.username));
    Ok(())
}
