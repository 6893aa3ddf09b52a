//! Passwords come from a prompt or from standard input, never from an argument, where `ps` and
//! the shell's history would show them.

use std::io::{IsTerminal as _, Read as _, stdin};

use anyhow::{Context as _, Result, anyhow, bail};
use menshen_domain::Secret;
use menshen_domain::credential::{
    HashingCost, MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS, PasswordHash, PasswordHasher,
};
use menshen_server::{Entropy, SystemEntropy};

use crate::advice::Advise as _;

/// Reads a password that its user has.
pub(crate) fn current(from_stdin: bool) -> Result<Secret> {
    let text = if from_stdin { read_line()? } else { prompt(&dialoguer::Password::new())? };
    Ok(Secret::new(text))
}

/// Reads a new password.
pub(crate) fn read(from_stdin: bool) -> Result<Secret> {
    let text = if from_stdin { read_line()? } else { prompt(&twice())? };
    if text.chars().count() < MIN_PASSWORD_CHARS || text.len() > MAX_PASSWORD_BYTES {
        bail!("a password has {MIN_PASSWORD_CHARS} characters to {MAX_PASSWORD_BYTES} bytes");
    }
    Ok(Secret::new(text))
}

/// Hashes a password at the cost that the server is set to.
pub(crate) fn hash(password: &Secret, cost: HashingCost) -> Result<PasswordHash> {
    let entropy: &dyn Entropy = &SystemEntropy;
    let mut hasher = PasswordHasher::new(cost).context("failed to set up password hashing")?;
    Ok(hasher.hash(password, entropy.bytes()))
}

/// All of standard input, without the newline that `echo` puts at its end.
fn read_line() -> Result<String> {
    let mut text = String::new();
    stdin().lock().read_to_string(&mut text).context("failed to read the password")?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

fn twice() -> dialoguer::Password<'static> {
    dialoguer::Password::new().with_confirmation("Once more", "These two differ.")
}

fn prompt(asked: &dialoguer::Password<'static>) -> Result<String> {
    if !stdin().is_terminal() {
        return Err(anyhow!("there is no terminal to ask for a password"))
            .advise("pass it on standard input, with --password-stdin");
    }
    asked.clone().with_prompt("Password").interact().context("failed to ask for the password")
}
