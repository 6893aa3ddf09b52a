//! The doors: each turns what its protocol says into facts, and a decision into what its protocol
//! wants. No door decides.

mod answer;
mod ext_authz;
mod forward_auth;
mod health;
mod own;
pub(crate) mod proxy;

use axum::Router;
use axum::routing::{any, get};

use crate::Gateway;

/// What is served to proxies and operators, on an address that clients cannot reach.
pub(crate) fn decisions(gateway: &Gateway) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .merge(forward_auth::routes())
        .merge(ext_authz::routes())
        .route("/metrics", get(health::metrics))
        .route("/.menshen/jwks", get(health::keys))
        .with_state(gateway.clone())
        .merge(own(gateway))
}

/// The gateway's own endpoints, below [`crate::OWN_PATHS`]. A request may carry its
/// [`crate::Facts`] as an extension.
pub(crate) fn own(gateway: &Gateway) -> Router {
    Router::new().route("/.menshen/{*endpoint}", any(own::any)).with_state(gateway.clone())
}

#[cfg(test)]
mod tests;
