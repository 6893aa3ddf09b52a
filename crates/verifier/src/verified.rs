//! A token that was checked. There is no other way to come by one than the check.

use std::sync::Arc;

use menshen_token::{AccessToken, ClientId, Scope, SessionId, UserId};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Rejection;

/// An access token that is genuine, in time, meant for us and not revoked. Cheap to clone.
///
/// Holding one proves that the check ran: it has no public constructor.
#[derive(Clone, Debug)]
pub struct Verified {
    token: Arc<AccessToken>,
}

impl Verified {
    pub(crate) fn new(token: Arc<AccessToken>) -> Self {
        Self { token }
    }

    /// Everything the token says.
    pub fn token(&self) -> &AccessToken {
        &self.token
    }

    /// `sub`: the user, or the client itself when no user stands behind the token.
    pub fn subject(&self) -> &UserId {
        &self.token.subject
    }

    /// `client_id`: the app that the token was issued to.
    pub fn client_id(&self) -> &ClientId {
        &self.token.client_id
    }

    /// `sid`: the session; `None` when no user stands behind the token.
    pub fn session_id(&self) -> Option<SessionId> {
        self.token.session_id
    }

    /// `act`: the service that acts for the subject, and in it those that acted before (RFC 8693
    /// section 4.1); `None` when the app that the subject signed in to sends the token itself.
    pub fn actor(&self) -> Option<&Map<String, Value>> {
        self.token.actor.as_ref()
    }

    /// `scope`: what the token allows.
    pub fn scope(&self) -> &Scope {
        &self.token.scope
    }

    /// `roles` of the user.
    pub fn roles(&self) -> &[String] {
        &self.token.roles
    }

    /// Refuses unless the token allows every one of these scope values, separated by spaces.
    ///
    /// # Errors
    ///
    /// [`Rejection::InsufficientScope`].
    pub fn require_scope(&self, required: &str) -> Result<(), Rejection> {
        if required.split(' ').all(|value| value.is_empty() || self.scope().contains(value)) {
            Ok(())
        } else {
            Err(Rejection::InsufficientScope { required: required.to_owned() })
        }
    }

    /// Refuses unless the user has this role.
    ///
    /// # Errors
    ///
    /// [`Rejection::InsufficientRole`].
    pub fn require_role(&self, required: &str) -> Result<(), Rejection> {
        if self.roles().iter().any(|role| role == required) {
            Ok(())
        } else {
            Err(Rejection::InsufficientRole { required: required.to_owned() })
        }
    }

    /// Reads the custom claims (all but the registered ones) as a type of yours.
    ///
    /// # Errors
    ///
    /// [`Rejection::UnreadableClaims`] when they are of another form.
    pub fn claims<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Rejection> {
        T::deserialize(&self.token.custom).map_err(|_| Rejection::UnreadableClaims)
    }
}
