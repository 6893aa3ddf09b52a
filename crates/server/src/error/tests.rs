//! The table of errors, printed: what a client can rely on.

use std::fmt::Write as _;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn oauth_errors() -> Vec<OAuthError> {
    vec![
        OAuthError::InvalidRequest("a parameter is given more than once"),
        OAuthError::MissingParameter("code"),
        OAuthError::InvalidSubjectToken(None),
        OAuthError::UnsupportedMediaType,
        OAuthError::TooLarge,
        OAuthError::NotJson,
        OAuthError::InvalidRedirectUri("each of `redirect_uris` of a web app is https".to_owned()),
        OAuthError::InvalidClientMetadata("`application_type` is web or native".to_owned()),
        OAuthError::UnapprovedSoftwareStatement,
        OAuthError::AuthorizationPending,
        OAuthError::PolledTooOften,
        OAuthError::ExpiredDeviceCode,
        OAuthError::InvalidClient,
        OAuthError::InvalidGrant(Some(Reason::Logout)),
        OAuthError::UnauthorizedClient,
        OAuthError::UnsupportedGrantType,
        OAuthError::InvalidScope,
        OAuthError::InvalidRequestObject("the request object is not signed by this client"),
        OAuthError::InvalidRequestUri("this client did not register the request_uri"),
        OAuthError::RequestNotSupported("encrypted request objects are not supported"),
        OAuthError::UnsupportedResponseType,
        OAuthError::LoginRequired,
        OAuthError::ConsentRequired,
        OAuthError::UnmetAuthenticationRequirements,
        OAuthError::InvalidTarget,
        OAuthError::AccessDenied,
        OAuthError::Denied,
        OAuthError::InsufficientAuthorization,
        OAuthError::OneTimePasswordRequired(None),
        OAuthError::WrongOneTimePassword,
        OAuthError::InvalidSession,
        OAuthError::InvalidDpopProof("the DPoP proof is not recent"),
        OAuthError::UseDpopNonce("nonce".to_owned()),
        OAuthError::RefusedProof("the DPoP proof is not recent"),
        OAuthError::NonceRequired("nonce".to_owned()),
        OAuthError::MissingToken,
        OAuthError::InvalidToken,
        OAuthError::UnprovenToken("the access token is bound to a key that was not proved"),
        OAuthError::InsufficientScope("account"),
        OAuthError::TooManyAttempts(SECOND),
        OAuthError::Unavailable,
        OAuthError::Internal,
    ]
}

fn api_errors() -> Vec<ApiError> {
    vec![
        ApiError::Invalid("limit must be 1 to 1000".to_owned()),
        ApiError::MissingToken,
        ApiError::InvalidToken,
        ApiError::UnprovenToken("the access token is bound to a key that was not proved"),
        ApiError::RefusedProof("the DPoP proof was used before"),
        ApiError::NonceRequired("nonce".to_owned()),
        ApiError::InsufficientScope("account"),
        ApiError::MissingRole("admin"),
        ApiError::WrongPassword,
        ApiError::NotFound("session"),
        ApiError::MethodNotAllowed,
        ApiError::NotAcceptable,
        ApiError::Conflict("username"),
        ApiError::UnsupportedMediaType,
        ApiError::NotAForm,
        ApiError::TooLarge,
        ApiError::TooManyAttempts(SECOND),
        ApiError::TooManyStreams,
        ApiError::NoStreamLeft,
        ApiError::Unavailable,
        ApiError::Internal,
    ]
}

/// Which headers an answer carries beside the usual ones.
fn headers(response: &Response) -> String {
    let telling = ["www-authenticate", "retry-after", "dpop-nonce"];
    let named = telling.iter().filter(|name| response.headers().contains_key(**name));
    named.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn table() -> String {
    let mut page = "## OAuth endpoints\n\n\
        | status | `error` | `error_description`, for example | headers |\n|---|---|---|---|\n"
        .to_owned();
    for error in oauth_errors() {
        let ((status, code), sentence) = (error.row(), error.to_string());
        let code = if code.is_empty() { "none".to_owned() } else { format!("`{code}`") };
        let headers = headers(&error.into_response());
        let _ = writeln!(page, "| {} | {code} | {sentence} | {headers} |", status.as_u16());
    }
    page.push_str(
        "\n## Account, admin and feed\n\n\
        | status | `code` | `detail`, for example | headers |\n|---|---|---|---|\n",
    );
    for error in api_errors() {
        let ((status, code), sentence) = (error.row(), error.to_string());
        let headers = headers(&error.into_response());
        let _ = writeln!(page, "| {} | `{code}` | {sentence} | {headers} |", status.as_u16());
    }
    page.push_str("\n## Reasons\n\n| `reason` | `reason_description` |\n|---|---|\n");
    for reason in Reason::ALL {
        let _ = writeln!(page, "| `{reason}` | {} |", reason.sentence());
    }
    page
}

#[test]
fn the_table_of_errors() {
    insta::assert_snapshot!(table());
}

#[test]
fn the_guide_shows_the_same_table() {
    let guide = include_str!("../../../../docs/guide/errors.md");
    let (_, shown) = guide.split_once("<!-- printed -->\n\n").expect("the guide marks the table");
    assert_eq!(shown, table(), "copy the snapshot of the_table_of_errors into the guide");
}

#[test]
fn an_answer_that_asks_to_come_back_says_when() {
    let wait = OAuthError::TooManyAttempts(Duration::from_millis(1_001)).into_response();
    assert_eq!(wait.headers()["retry-after"], "2");
    assert_eq!(OAuthError::Unavailable.into_response().headers()["retry-after"], "1");
    assert_eq!(ApiError::Unavailable.into_response().headers()["retry-after"], "1");
}

#[test]
fn no_answer_is_kept_by_a_cache() {
    let answers = oauth_errors().into_iter().map(IntoResponse::into_response);
    let answers = answers.chain(api_errors().into_iter().map(IntoResponse::into_response));
    for answer in answers {
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    }
}

#[test]
fn the_proof_algorithms_are_those_that_are_checked() {
    let names = menshen_token::dpop::ALGORITHMS.map(menshen_token::Algorithm::as_str);
    assert_eq!(PROOF_ALGORITHMS, names.join(" "));
    assert!(ANY_TOKEN.contains(PROOF_ALGORITHMS));
}
