//! The story as lines for a shell, to be pasted one by one or all at once.

use std::fmt::Write as _;

use super::cast::{API_SCOPE, APP, Cast, PASSWORD, USER};
use super::device::{code_challenge, random_text};
use crate::output::{FAINT, STRONG, paint};

/// Everything that can be tried by hand, with what it needs filled in.
pub(super) fn lines(cast: &Cast) -> String {
    let (issuer, orders) = (&cast.issuer, &cast.orders);
    let verifier = random_text();
    let challenge = code_challenge(&verifier);
    let steps = [
        (
            "sign in: the password for a code, the code for tokens",
            format!(
                "field() {{ sed \"s/.*\\\"$1\\\":\\\"\\([^\\\"]*\\)\\\".*/\\1/\"; }}\n\
                 CODE=$(curl -s {issuer}/authorize-challenge -d client_id={APP} \\\n  \
                 -d username={USER} --data-urlencode 'password={PASSWORD}' \\\n  \
                 --data-urlencode 'scope=openid {API_SCOPE}' -d code_challenge_method=S256 \\\n  \
                 -d code_challenge={challenge} | field authorization_code)\n\
                 TOKENS=$(curl -s {issuer}/token -d client_id={APP} \\\n  \
                 -d grant_type=authorization_code -d code=$CODE \\\n  \
                 -d code_verifier={verifier})\n\
                 ACCESS=$(echo \"$TOKENS\" | field access_token)\n\
                 REFRESH=$(echo \"$TOKENS\" | field refresh_token)"
            ),
        ),
        ("call the API", format!("curl -iw '\\n' {orders} -H \"Authorization: Bearer $ACCESS\"")),
        (
            "refresh",
            format!(
                "TOKENS=$(curl -s {issuer}/token -d client_id={APP} \\\n  \
                 -d grant_type=refresh_token -d refresh_token=$REFRESH)\n\
                 ACCESS=$(echo \"$TOKENS\" | field access_token)\n\
                 REFRESH=$(echo \"$TOKENS\" | field refresh_token)"
            ),
        ),
        (
            "sign out, and wait until the API knows",
            format!("curl -iw '\\n' {issuer}/account/logout -H 'Prefer: wait=5' -d token=$REFRESH"),
        ),
        (
            "try the access token once more: 401",
            format!("curl -iw '\\n' {orders} -H \"Authorization: Bearer $ACCESS\""),
        ),
        (
            "try the refresh token once more: invalid_grant, reason logout",
            format!(
                "curl -iw '\\n' {issuer}/token -d client_id={APP} \\\n  \
                 -d grant_type=refresh_token -d refresh_token=$REFRESH"
            ),
        ),
    ];
    let mut text = format!("\n{}\n", paint(STRONG, "Try it yourself, in another terminal"));
    for (title, command) in steps {
        let title = paint(FAINT, format_args!("# {title}"));
        let _ = write!(text, "\n{title}\n{command}\n");
    }
    text
}
