//! The challenges, letter by letter.

use super::*;

fn answer(rejection: &Rejection, schemes: Schemes) -> String {
    let response: Response<()> = rejection.response(schemes);
    let mut lines = vec![response.status().as_u16().to_string()];
    for (name, value) in response.headers() {
        lines.push(format!("{name}: {}", value.to_str().expect("ASCII")));
    }
    lines.join("\n")
}

#[test]
fn a_request_without_a_token_is_told_no_error() {
    assert_eq!(answer(&Rejection::Missing, Schemes::Bearer), "401\nwww-authenticate: Bearer");
    assert_eq!(
        answer(&Rejection::Missing, Schemes::BearerAndDpop),
        "401\nwww-authenticate: Bearer\n\
         www-authenticate: DPoP algs=\"ES256 EdDSA PS256\""
    );
}

#[test]
fn a_bad_token_is_told_what_is_wrong_with_it() {
    let cases = [
        (Rejection::Malformed, "token is malformed"),
        (Rejection::UnsupportedAlgorithm, "token is signed with an unsupported algorithm"),
        (Rejection::WrongType, "token is not an access token"),
        (Rejection::UnknownKey, "token is signed with an unknown key"),
        (Rejection::BadSignature, "token signature is invalid"),
        (Rejection::Expired, "token has expired"),
        (Rejection::NotYetValid, "token is not valid yet"),
        (Rejection::WrongIssuer, "token was issued by someone else"),
        (Rejection::WrongAudience, "token is meant for someone else"),
        (Rejection::MissingClaim("jti"), "token lacks the claim jti"),
        (Rejection::UnreadableClaims, "token claims are not what this resource reads"),
        (Rejection::Revoked, "token was revoked"),
    ];
    for (rejection, sentence) in cases {
        assert_eq!(
            answer(&rejection, Schemes::Bearer),
            format!(
                "401\nwww-authenticate: Bearer error=\"invalid_token\", \
                 error_description=\"{sentence}\""
            )
        );
    }
}

#[test]
fn a_token_that_allows_too_little_is_told_what_it_needs() {
    let scope = Rejection::InsufficientScope { required: "orders:write".to_owned() };
    assert_eq!(
        answer(&scope, Schemes::Bearer),
        "403\nwww-authenticate: Bearer error=\"insufficient_scope\", \
         error_description=\"token lacks the scope orders:write\", scope=\"orders:write\""
    );
    let role = Rejection::InsufficientRole { required: "admin".to_owned() };
    assert_eq!(
        answer(&role, Schemes::Bearer),
        "403\nwww-authenticate: Bearer error=\"insufficient_scope\", \
         error_description=\"token lacks the role admin\""
    );
}

#[test]
fn a_stale_verifier_never_says_that_the_token_is_bad() {
    for schemes in [Schemes::Bearer, Schemes::BearerAndDpop] {
        assert_eq!(answer(&Rejection::Stale, schemes), "503\nretry-after: 1");
    }
}

#[test]
fn a_bound_token_is_asked_for_its_proof() {
    assert_eq!(
        answer(&Rejection::ProofMissing, Schemes::Bearer),
        "401\nwww-authenticate: DPoP error=\"invalid_token\", \
         error_description=\"token is bound to a key and needs a DPoP proof\", \
         algs=\"ES256 EdDSA PS256\""
    );
    assert_eq!(
        answer(&Rejection::WrongProof, Schemes::BearerAndDpop),
        "401\nwww-authenticate: DPoP error=\"invalid_dpop_proof\", \
         error_description=\"DPoP proof is not valid for this request\", \
         algs=\"ES256 EdDSA PS256\""
    );
}

#[test]
fn nothing_can_break_out_of_a_parameter() {
    let scope = Rejection::InsufficientScope { required: "a\", b=\"\\\r\nX: y".to_owned() };
    assert_eq!(
        scope.challenges(Schemes::Bearer),
        ["Bearer error=\"insufficient_scope\", \
          error_description=\"token lacks the scope a, b=X: y\", scope=\"a, b=X: y\""]
    );
}
