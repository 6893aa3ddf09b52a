//! Forward-auth: a proxy asks with a sub-request whether a request may go on, and copies headers
//! of the answer to it. Each proxy has conventions of its own, and so a path of its own.

mod caddy;
mod ingress_nginx;
mod nginx;
mod subrequest;
mod traefik;
mod verdict;

use axum::Router;
use axum::routing::any;

use super::answer;
use crate::Gateway;

pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/forward-auth/nginx", any(nginx::ask))
        .route("/forward-auth/ingress-nginx", any(ingress_nginx::ask))
        .route("/forward-auth/traefik", any(traefik::ask))
        .route("/forward-auth/caddy", any(caddy::ask))
}

#[cfg(test)]
mod tests;
