//! Each door, asked as its proxy asks and understood as its proxy understands, and the one list of
//! what the protocols cannot say.

use std::future::Future;
use std::pin::Pin;

use super::Outcome;
use super::envoy::{self, Lines};
use super::subrequests::{
    self, on_one_line, refuses_spellings, with_absolute_address, without_preflights,
};
use crate::{Facts, Gateway};

type Asking = Pin<Box<dyn Future<Output = Outcome>>>;

/// A door.
pub(super) struct Door {
    pub(super) name: &'static str,
    /// What comes of a request that reaches its proxy.
    pub(super) ask: fn(Gateway, Facts) -> Asking,
    /// What the protocol makes of a decision that it cannot say.
    pub(super) forced: fn(Outcome, &Gateway, &Facts) -> Outcome,
}

pub(super) fn doors() -> [Door; 6] {
    [
        Door {
            name: "ext_authz over gRPC",
            ask: |gateway, facts| Box::pin(envoy::over_grpc(gateway, facts, Lines::Raw)),
            forced: |meant, _, _| meant,
        },
        Door {
            name: "ext_authz over gRPC without raw headers",
            ask: |gateway, facts| Box::pin(envoy::over_grpc(gateway, facts, Lines::Joined)),
            forced: |meant, _, _| meant,
        },
        Door {
            name: "ext_authz over HTTP",
            ask: |gateway, facts| Box::pin(envoy::over_http(gateway, facts)),
            forced: |meant, _, _| meant,
        },
        Door {
            name: "nginx",
            ask: |gateway, facts| Box::pin(subrequests::nginx(gateway, facts)),
            forced: |meant, gateway, facts| on_one_line(refuses_spellings(meant, gateway, facts)),
        },
        Door {
            name: "Traefik",
            ask: |gateway, facts| Box::pin(subrequests::traefik(gateway, facts)),
            forced: |meant, gateway, facts| {
                let meant = with_absolute_address(without_preflights(meant), facts);
                refuses_spellings(meant, gateway, facts)
            },
        },
        Door {
            name: "Caddy",
            ask: |gateway, facts| Box::pin(subrequests::caddy(gateway, facts)),
            forced: |meant, gateway, facts| {
                refuses_spellings(without_preflights(meant), gateway, facts)
            },
        },
    ]
}
