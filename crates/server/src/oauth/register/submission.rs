//! What a client sends to be registered, and the client that it makes: what it does not say has the
//! default of the specifications.

use axum::extract::Request;
use menshen_domain::Client;
use menshen_domain::client::{AuthMethod, ClientMetadata, ClientPolicy, Renewal};
use menshen_token::{Algorithm, Claims, ClientId, Scope};
use serde_json::{Map, Value};
use url::Url;

use crate::app::App;
use crate::error::{ApiError, OAuthError};
use crate::json;

const CODE: &str = "authorization_code";

/// What a client sends.
pub(super) struct Submission {
    /// Its members that are not metadata of their own.
    pub(super) members: Map<String, Value>,
    pub(super) metadata: ClientMetadata,
    name: Option<String>,
    scope: Option<Scope>,
}

impl Submission {
    /// Reads a body. A member given twice could be read in two ways; one that is `null` is left
    /// out (RFC 7592 section 2.2), and one that nobody knows is passed over.
    pub(super) async fn read(request: Request) -> Result<Self, OAuthError> {
        let invalid = |sentence: String| OAuthError::InvalidClientMetadata(sentence);
        let body = json::read(request).await.map_err(|error| match error {
            ApiError::UnsupportedMediaType => OAuthError::NotJson,
            ApiError::TooLarge => OAuthError::TooLarge,
            other => invalid(other.to_string()),
        })?;
        let members = Claims::parse(&body);
        let members = members.map_err(|_| invalid("the body is no JSON object".to_owned()))?;
        let mut members = members.into_members();
        members.retain(|_, value| !value.is_null());
        if members.contains_key("software_statement") {
            return Err(OAuthError::UnapprovedSoftwareStatement);
        }
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(invalid(format!("`{name}` is a text"))),
        };
        let scope = text("scope")?.map(|scope| scope.parse());
        let scope = scope.transpose().map_err(|_| invalid("`scope` is malformed".to_owned()))?;
        let name = text("client_name")?;
        let mut metadata: ClientMetadata = serde_json::from_value(Value::Object(members.clone()))
            .map_err(|error| invalid(ascii(&error.to_string())))?;
        fill_in(&mut metadata);
        Ok(Self { members, metadata, name, scope })
    }

    /// The new client that it makes.
    pub(super) fn client(&self, app: &App) -> Result<Client, OAuthError> {
        let id = format!("{:032x}", u128::from_be_bytes(app.random()));
        let id: ClientId = id.parse().map_err(|_| OAuthError::Internal)?;
        let policy = ClientPolicy { first_party: false, ..ClientPolicy::default() };
        let name = id.to_string();
        self.applied_to(app, Client::new(id, name, policy, app.now()))
    }

    /// What it makes of a client.
    pub(super) fn applied_to(&self, app: &App, mut client: Client) -> Result<Client, OAuthError> {
        client.metadata = self.metadata.clone();
        client.name = self.name(&client)?;
        let policy = &mut client.policy;
        let (allowed, had) = (&app.config.registration.scope, &policy.scope);
        policy.scope = match &self.scope {
            Some(asked) => asked
                .iter()
                .filter(|value| allowed.contains(value) || had.contains(value))
                .collect::<Vec<_>>()
                .join(" ")
                .parse()
                .map_err(|_| OAuthError::Internal)?,
            None if had.is_empty() => allowed.clone(),
            None => had.clone(),
        };
        policy.renewal = if client.metadata.lists_grant_type("refresh_token") {
            Renewal::RefreshToken
        } else {
            Renewal::None
        };
        let by_code = client.metadata.lists_grant_type(CODE);
        if by_code && client.metadata.redirect_uris.is_empty() {
            let sentence = "`redirect_uris` are needed to get a code".to_owned();
            return Err(OAuthError::InvalidRedirectUri(sentence));
        }
        client.metadata.check(&client.policy)?;
        Ok(client)
    }

    /// What people call it: what it says, or where it sends them.
    fn name(&self, client: &Client) -> Result<String, OAuthError> {
        let Some(name) = &self.name else {
            let host = |uri: &String| Url::parse(uri).ok()?.host_str().map(str::to_owned);
            let first = client.metadata.redirect_uris.first().and_then(host);
            return Ok(first.unwrap_or_else(|| client.name.clone()));
        };
        let readable = !name.trim().is_empty() && !name.chars().any(char::is_control);
        if readable && name.len() <= 255 {
            Ok(name.clone())
        } else {
            let sentence = "`client_name` is 1 to 255 bytes without control characters".to_owned();
            Err(OAuthError::InvalidClientMetadata(sentence))
        }
    }
}

/// What an `error_description` may hold (RFC 6749 section 5.2).
fn ascii(sentence: &str) -> String {
    let plain = |c: char| if c == '"' { '\'' } else { c };
    let allowed = |c: &char| matches!(c, ' '..='~') && *c != '\\';
    sentence.chars().map(plain).filter(allowed).collect()
}

/// The defaults of RFC 7591 section 2 and OpenID Connect Dynamic Client Registration 1.0 section 2.
fn fill_in(metadata: &mut ClientMetadata) {
    if metadata.grant_types.is_empty() {
        metadata.grant_types = vec![CODE.to_owned()];
    }
    if metadata.response_types.is_empty() && metadata.lists_grant_type(CODE) {
        metadata.response_types = vec!["code".to_owned()];
    }
    let method = &mut metadata.token_endpoint_auth_method;
    method.get_or_insert(AuthMethod::ClientSecretBasic);
    metadata.id_token_signed_response_alg.get_or_insert(Algorithm::RS256);
}
