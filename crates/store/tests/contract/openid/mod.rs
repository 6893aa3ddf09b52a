//! What OpenID Connect adds: sessions that browsers hold, consents, pushed requests, subjects.

mod browsers;
mod consents;
mod deliveries;
mod devices;
mod elsewhere;
mod joined_codes;
mod mailed_links;
mod migration;
mod opaque_tokens;
mod pushed_requests;
mod races;
mod several_nodes;
mod subjects;
