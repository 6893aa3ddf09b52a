//! What the plans of the OpenID Foundation ask of a provider, as far as other files do not.

mod basic;
mod claims_by_name;
mod fapi;
mod form_post;
