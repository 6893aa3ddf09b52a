//! What a scope means, in plain words.

use crate::pages::Chrome;

/// What the app gets by this scope; a scope of the operator's own is shown by its name.
pub(in crate::pages) fn sentence(chrome: &Chrome, scope: &str) -> String {
    match scope {
        "openid" => chrome.text("scope-openid"),
        "profile" => chrome.text("scope-profile"),
        "email" => chrome.text("scope-email"),
        "address" => chrome.text("scope-address"),
        "phone" => chrome.text("scope-phone"),
        "offline_access" => chrome.text("scope-offline-access"),
        "account" => chrome.text("scope-account"),
        other => chrome.text_of("scope-other", "scope", &other.to_owned()),
    }
}

/// Whether a scope gives more than who somebody is, and so is to be read with care.
pub(in crate::pages) fn is_weighty(scope: &str) -> bool {
    !matches!(scope, "openid" | "profile" | "email" | "address" | "phone")
}

/// `offline_access`, which the pages explain at length.
pub(in crate::pages) fn outlives_the_visit(scopes: &[String]) -> bool {
    scopes.iter().any(|scope| scope == "offline_access")
}
