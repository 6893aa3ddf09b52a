//! An opaque access token, exchanged for the JWT that says the same (RFC 8693).

use menshen_verifier::{Presented, Rejection};

use super::conversion::{self, Ask};
use super::{bearer, unauthenticated};
use crate::config::{Authentication, Requirements};
use crate::gateway::Gateway;
use crate::{Facts, Identity, Refusal};

/// What opaque access tokens begin with; no JWT does.
const PREFIX: &str = "mat_";

/// Their length: the prefix and 32 bytes in base64url.
const CHARACTERS: usize = PREFIX.len() + 43;

const FORM: [(&str, &str); 3] = [
    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
    ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
    ("requested_token_type", "urn:ietf:params:oauth:token-type:jwt"),
];

/// Whether this is one, as far as can be seen.
pub(super) fn is_one(token: &str) -> bool {
    token.starts_with(PREFIX)
}

pub(super) async fn authenticate(
    gateway: &Gateway,
    facts: &Facts,
    required: &Requirements,
) -> Result<Identity, Refusal> {
    let refused = |reason| unauthenticated(required, reason);
    let url = bearer::url(facts)?;
    // The proof is for the token as the client knows it.
    let Presented { token, proof } =
        Presented::from_headers(&facts.headers, &facts.method, Some(&url)).map_err(refused)?;
    let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if token.len() != CHARACTERS || !token.bytes().all(in_alphabet) {
        return Err(refused(Rejection::Malformed));
    }
    let [grant, subject_type, requested_type] = FORM;
    let ask = Ask {
        by: Authentication::ReferenceToken,
        shown: &["reference_token", token],
        form: &[grant, subject_type, requested_type, ("subject_token", token)],
        proof,
    };
    match conversion::admit(gateway, required, &ask).await {
        // It was shown, and is worth nothing.
        Err(Refusal::Unauthenticated { reason: Rejection::Missing, .. }) => {
            Err(refused(Rejection::Revoked))
        }
        judged => judged,
    }
}
