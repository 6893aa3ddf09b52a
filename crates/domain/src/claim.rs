//! What tokens and answers say about a user: the claims that OpenID Connect names, those that a
//! request asks for by name, and those that a client's policy maps.

use menshen_token::{AccessToken, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Client, Session, User};

/// The scope values that release claims, and which (OpenID Connect Core 1.0 section 5.4).
pub const STANDARD: [(&str, &[&str]); 4] = [
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
];

/// The scope value that releases a claim; `None` for one that OpenID Connect does not name.
pub fn scope_of(claim: &str) -> Option<&'static str> {
    STANDARD.iter().find(|(_, claims)| claims.contains(&claim)).map(|(scope, _)| *scope)
}

/// The claim of a user, as the outside knows it.
pub fn of_user(user: &User, name: &str) -> Option<Value> {
    match (user.claims.get(name), name) {
        (None, "preferred_username") => Some(user.username.as_str().into()),
        (found, _) => found.cloned(),
    }
}

/// The claims of a user that a scope releases.
pub fn released_by(scope: &Scope, user: &User) -> Map<String, Value> {
    let released = STANDARD.iter().filter(|(value, _)| scope.contains(value));
    let names = released.flat_map(|(_, claims)| claims.iter());
    names.filter_map(|name| Some(((*name).to_owned(), of_user(user, name)?))).collect()
}

/// The claims of a user that OpenID Connect does not name.
pub fn beyond_standard(user: &User) -> Map<String, Value> {
    let mut claims = user.claims.clone();
    claims.retain(|name, _| {
        scope_of(name).is_none() && !AccessToken::RESERVED_CLAIMS.contains(&name.as_str())
    });
    claims
}

/// What a request asks for by name (OpenID Connect Core 1.0 section 5.5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// From the userinfo endpoint.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub userinfo: Map<String, Value>,
    /// In the ID token.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub id_token: Map<String, Value>,
}

/// The most that the parameter may take, in bytes.
const MOST_BYTES: usize = 8 * 1024;

impl ClaimsRequest {
    /// Reads the parameter `claims`; `None` for what is not a JSON object of objects.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MOST_BYTES {
            return None;
        }
        let request: Self = serde_json::from_str(text).ok()?;
        let fits = |value: &Value| value.is_null() || value.is_object();
        request.userinfo.values().chain(request.id_token.values()).all(fits).then_some(request)
    }

    /// The scope values that would release what is asked for.
    pub fn scope(&self) -> Scope {
        let names = self.userinfo.keys().chain(self.id_token.keys());
        let values: Vec<&str> = names.filter_map(|name| scope_of(name)).collect();
        values.join(" ").parse().unwrap_or_default()
    }

    /// The values of `acr` that the ID token must have one of, if it must.
    pub fn essential_acr(&self) -> Option<Vec<String>> {
        let acr = self.id_token.get("acr")?.as_object()?;
        if acr.get("essential") != Some(&Value::Bool(true)) {
            return None;
        }
        let one = acr.get("value").and_then(Value::as_str).map(str::to_owned);
        let many = acr.get("values").and_then(Value::as_array).into_iter().flatten();
        let values = one.into_iter().chain(many.filter_map(|v| v.as_str().map(str::to_owned)));
        Some(values.collect())
    }

    /// The `sub` that the ID token must have, if one is asked for.
    pub fn subject(&self) -> Option<&str> {
        self.id_token.get("sub")?.get("value")?.as_str()
    }

    /// Without what a client may not have: claims that none of its own scope values would release.
    #[must_use]
    pub fn within(mut self, scope: &Scope) -> Self {
        let allowed =
            |name: &String, _: &mut Value| scope_of(name).is_none_or(|value| scope.contains(value));
        self.userinfo.retain(allowed);
        self.id_token.retain(allowed);
        self
    }

    /// The claims of a user that are asked for and that a scope value could release.
    pub fn released(asked: &Map<String, Value>, user: &User) -> Map<String, Value> {
        let known = asked.keys().filter(|name| scope_of(name).is_some());
        known.filter_map(|name| Some((name.clone(), of_user(user, name)?))).collect()
    }
}

/// One claim of a client's tokens and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRule {
    /// The name of the claim.
    pub claim: String,
    /// `user.id`, `user.username`, `user.roles`, `user.claims.NAME`, `session.id` or `client.id`;
    /// not together with `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// A constant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Where it stands; in access tokens when nothing is said.
    #[serde(default = "in_access_tokens", rename = "in")]
    pub places: Vec<ClaimPlace>,
}

fn in_access_tokens() -> Vec<ClaimPlace> {
    vec![ClaimPlace::AccessToken]
}

/// Where a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimPlace {
    /// In access tokens.
    AccessToken,
    /// In ID tokens.
    IdToken,
    /// In answers of the userinfo endpoint.
    Userinfo,
}

impl ClaimRule {
    /// Whether it can be followed: a name that may be chosen, and one source that we know.
    pub fn is_sound(&self) -> bool {
        let named = (1..=255).contains(&self.claim.len())
            && !AccessToken::RESERVED_CLAIMS.contains(&self.claim.as_str());
        let sourced = match (&self.from, &self.value) {
            (Some(from), None) => {
                let user_claim = from.strip_prefix("user.claims.").is_some_and(|n| !n.is_empty());
                user_claim || SOURCES.contains(&from.as_str())
            }
            (None, Some(_)) => true,
            _ => false,
        };
        named && sourced && !self.places.is_empty()
    }

    fn value(&self, user: &User, client: &Client, session: Option<&Session>) -> Option<Value> {
        let Some(from) = self.from.as_deref() else { return self.value.clone() };
        match from {
            "user.id" => Some(user.id.as_str().into()),
            "user.username" => Some(user.username.as_str().into()),
            "user.roles" => Some(user.roles.clone().into()),
            "client.id" => Some(client.id.as_str().into()),
            "session.id" => session.map(|session| session.id.to_string().into()),
            _ => of_user(user, from.strip_prefix("user.claims.")?),
        }
    }
}

const SOURCES: [&str; 5] = ["user.id", "user.username", "user.roles", "client.id", "session.id"];

/// The claims that a client's policy puts in a place. Some tokens have no session behind them.
pub fn mapped(
    place: ClaimPlace,
    user: &User,
    client: &Client,
    session: Option<&Session>,
) -> Map<String, Value> {
    let rules = client.policy.claims.iter().filter(|rule| rule.places.contains(&place));
    let found =
        rules.filter_map(|rule| Some((rule.claim.clone(), rule.value(user, client, session)?)));
    found.collect()
}
