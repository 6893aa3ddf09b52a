//! `menshen user otp`: whether somebody signs in with codes of an app, and how they get in again who
//! have lost it.

use anyhow::Result;
use menshen_domain::User;

use crate::database::Database;
use crate::output;

/// Says whether they are on.
pub(super) async fn show(database: &Database, user: &User) -> Result<()> {
    match database.store.find_one_time_passwords(&user.id).await? {
        Some(on) => {
            let since = output::instant(on.turned_on_at);
            let left = on.recovery_codes;
            anstream::println!("on since {since} (UTC), recovery codes left: {left}");
        }
        None => anstream::println!("off"),
    }
    Ok(())
}

/// Turns them off.
pub(super) async fn turn_off(database: &Database, user: &User) -> Result<()> {
    database.store.turn_off_one_time_passwords(&user.id).await?;
    output::done(&format!("{} signs in with the password alone", user.username));
    Ok(())
}
