//! What a client says about itself makes sense and can do no harm: addresses that we send browsers
//! and requests to, and members that have to fit together.

use std::collections::BTreeSet;

use menshen_token::{Algorithm, ForeignKeys};
use serde_json::Value;
use url::{Host, Url};

use super::address::{self, Address};
use super::{
    AuthMethod, ClientMetadata, ClientPolicy, GATEWAY_SCOPE, SecurityProfile, SubjectType,
};

/// Why metadata make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// Nobody may be sent there.
    #[error(
        "each of `{0}` is https, http on this machine, or of a scheme of the app's own with a dot \
         in it; without credentials, fragment, spaces or control characters; 2048 bytes at most"
    )]
    Redirect(&'static str),
    /// A web app is sent to the web, and nowhere else.
    #[error("each of `{0}` of a web app is https")]
    WebRedirect(&'static str),
    /// Nothing is fetched from there, or shown.
    #[error(
        "`{0}` is https, or http on this machine; without credentials, fragment, spaces or \
         control characters; 2048 bytes at most"
    )]
    Address(&'static str),
    /// The document is fetched over TLS only.
    #[error("`sector_identifier_uri` is https, without credentials or fragment")]
    Sector,
    /// Front-channel logouts go where sign-ins come from (OpenID Connect Front-Channel Logout 1.0
    /// section 2).
    #[error("`frontchannel_logout_uri` has scheme, host and port of one of `redirect_uris`")]
    ForeignFrontChannel,
    /// There are too many of them.
    #[error("`{0}` are at most 32")]
    TooMany(&'static str),
    /// It is too long to be kept or shown.
    #[error("`{0}` is 1 to 255 bytes without control characters")]
    Text(&'static str),
    /// It is neither kind of application.
    #[error("`application_type` is web or native")]
    ApplicationType,
    /// The keys are in two places.
    #[error("`jwks` and `jwks_uri` are not given together")]
    TwoKeySets,
    /// The keys cannot be read, or are too many.
    #[error("`jwks` is a JWK set of at most 32 public keys, in 16 KiB")]
    KeySet,
    /// A key that only the client may know.
    #[error("`jwks` holds public keys only")]
    PrivateKey,
    /// There is nothing to check signatures with.
    #[error("`{0}` needs `jwks` or `jwks_uri`")]
    NoKeys(&'static str),
    /// The algorithm of its assertions is none that its method of authentication uses.
    #[error(
        "`token_endpoint_auth_signing_alg` is ES256, RS256, PS256 or EdDSA with private_key_jwt, \
         and HS256 with client_secret_jwt"
    )]
    AssertionAlgorithm,
    /// A response type is none of ours.
    #[error(
        "`response_types` are code, or with `legacy_grants` token, id_token and what can be put \
         together of the three"
    )]
    ResponseType,
    /// A grant type is none of ours.
    #[error("`grant_types` has a grant type that this server does not know")]
    GrantType,
    /// What it asks for in one place does not fit what it asks for in the other.
    #[error(
        "`response_types` and `grant_types` do not fit: code goes with authorization_code, token \
         and id_token with implicit"
    )]
    FlowsDiffer,
    /// OAuth 2.1 dropped it.
    #[error("implicit, password, and response types other than code need `legacy_grants`")]
    Legacy,
    /// Who cannot authenticate can do nothing for itself.
    #[error("client_credentials needs a client that authenticates")]
    NotConfidential,
    /// It is unclear which sector the subjects are for.
    #[error(
        "pairwise subjects need one host in all of `redirect_uris`, or `sector_identifier_uri`"
    )]
    Sectors,
    /// Our own endpoints know users by one name only.
    #[error("a client with pairwise subjects cannot have the scope {0}")]
    PairwiseScope(&'static str),
    /// The profile asks for stronger authentication.
    #[error(
        "with the profile fapi2, `token_endpoint_auth_method` is private_key_jwt or \
         self_signed_tls_client_auth"
    )]
    ProfileMethod,
    /// The profile asks for stronger signatures.
    #[error("with the profile fapi2, `id_token_signed_response_alg` is ES256, PS256 or EdDSA")]
    ProfileAlgorithm,
}

const CODE: &str = "authorization_code";
const IMPLICIT: &str = "implicit";
const PASSWORD: &str = "password";
const CLIENT_CREDENTIALS: &str = "client_credentials";

/// Every grant type that a client may register for.
const GRANT_TYPES: [&str; 10] = [
    CODE,
    "refresh_token",
    CLIENT_CREDENTIALS,
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:menshen:params:oauth:grant-type:basic",
    "urn:menshen:params:oauth:grant-type:digest",
    IMPLICIT,
    PASSWORD,
];

/// The scope values of what knows users by their id.
const OWN_SCOPES: [&str; 4] = ["account", "admin", "revocations:read", GATEWAY_SCOPE];

/// How many of one kind.
const MOST: usize = 32;

/// The longest JWK set that is kept.
const MOST_KEY_BYTES: usize = 16 * 1024;

type Checked = Result<(), InvalidMetadata>;

impl ClientMetadata {
    /// Sees to it that the metadata make sense, by themselves and with what the client may do.
    ///
    /// # Errors
    ///
    /// [`InvalidMetadata`], the first that is found.
    pub fn check(&self, policy: &ClientPolicy) -> Result<(), InvalidMetadata> {
        self.check_texts()?;
        self.check_redirects()?;
        self.check_addresses()?;
        self.check_keys()?;
        self.check_flows(policy)?;
        self.check_sector(policy)?;
        self.check_profile(policy)
    }

    fn check_texts(&self) -> Checked {
        let readable =
            |text: &String| (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        let lists =
            [("contacts", &self.contacts), ("default_acr_values", &self.default_acr_values)];
        for (name, texts) in lists {
            at_most(MOST, name, texts)?;
            ensure(texts.iter().all(readable), InvalidMetadata::Text(name))?;
        }
        for (name, text) in
            [("software_id", &self.software_id), ("software_version", &self.software_version)]
        {
            ensure(text.iter().all(readable), InvalidMetadata::Text(name))?;
        }
        let kinds = ["web", "native"];
        let known = self.application_type.as_deref().is_none_or(|kind| kinds.contains(&kind));
        ensure(known, InvalidMetadata::ApplicationType)
    }

    fn check_redirects(&self) -> Checked {
        let web = self.application_type.as_deref() == Some("web");
        for (name, uris) in [
            ("redirect_uris", &self.redirect_uris),
            ("post_logout_redirect_uris", &self.post_logout_redirect_uris),
        ] {
            at_most(MOST, name, uris)?;
            for uri in uris {
                let kind = address::of_redirect(uri).ok_or(InvalidMetadata::Redirect(name))?;
                ensure(!web || kind == Address::Https, InvalidMetadata::WebRedirect(name))?;
            }
        }
        Ok(())
    }

    fn check_addresses(&self) -> Checked {
        at_most(MOST, "request_uris", &self.request_uris)?;
        // Their fragment is the hash of what lies there (OpenID Connect Core 1.0 section 6.2).
        let bare = |uri: &String| uri.split('#').next().and_then(address::of_ours).is_some();
        ensure(self.request_uris.iter().all(bare), InvalidMetadata::Address("request_uris"))?;
        for (name, uri) in [
            ("jwks_uri", &self.jwks_uri),
            ("client_uri", &self.client_uri),
            ("logo_uri", &self.logo_uri),
            ("policy_uri", &self.policy_uri),
            ("tos_uri", &self.tos_uri),
            ("initiate_login_uri", &self.initiate_login_uri),
            ("backchannel_logout_uri", &self.backchannel_logout_uri),
            ("frontchannel_logout_uri", &self.frontchannel_logout_uri),
        ] {
            let sound = uri.iter().all(|uri| address::of_ours(uri).is_some());
            ensure(sound, InvalidMetadata::Address(name))?;
        }
        if let Some(uri) = &self.frontchannel_logout_uri {
            let origin = |uri: &String| Url::parse(uri).map(|url| url.origin()).ok();
            let own = self.redirect_uris.iter().any(|known| origin(known) == origin(uri));
            ensure(own, InvalidMetadata::ForeignFrontChannel)?;
        }
        Ok(())
    }

    fn check_keys(&self) -> Checked {
        let has_keys = self.jwks.is_some() || self.jwks_uri.is_some();
        ensure(self.jwks.is_none() || self.jwks_uri.is_none(), InvalidMetadata::TwoKeySets)?;
        if let Some(jwks) = &self.jwks {
            let short = jwks.to_string().len() <= MOST_KEY_BYTES;
            let readable = ForeignKeys::from_value(jwks.clone()).is_ok();
            ensure(short && readable, InvalidMetadata::KeySet)?;
            let keys = jwks.get("keys").and_then(Value::as_array).into_iter().flatten();
            let public = |key: &Value| key.get("d").is_none() && key.get("k").is_none();
            ensure(keys.into_iter().all(public), InvalidMetadata::PrivateKey)?;
        }
        let method = self.token_endpoint_auth_method;
        let by_key =
            matches!(method, Some(AuthMethod::PrivateKeyJwt | AuthMethod::SelfSignedTlsClientAuth));
        let needs = "token_endpoint_auth_method";
        ensure(!by_key || has_keys, InvalidMetadata::NoKeys(needs))?;
        for (name, needs_keys) in [
            ("require_signed_request_object", self.require_signed_request_object),
            ("request_object_signing_alg", self.request_object_signing_alg.is_some()),
        ] {
            ensure(!needs_keys || has_keys, InvalidMetadata::NoKeys(name))?;
        }
        let algorithm = self.token_endpoint_auth_signing_alg.as_deref();
        let fits = algorithm.is_none_or(|name| match method {
            Some(AuthMethod::ClientSecretJwt) => name == "HS256",
            _ => name.parse::<Algorithm>().is_ok(),
        });
        ensure(fits, InvalidMetadata::AssertionAlgorithm)
    }

    fn check_flows(&self, policy: &ClientPolicy) -> Checked {
        at_most(MOST, "response_types", &self.response_types)?;
        at_most(MOST, "grant_types", &self.grant_types)?;
        let words = || self.response_types.iter().map(|known| known.split(' ').collect::<Vec<_>>());
        let known = |words: &Vec<&str>| {
            let distinct: BTreeSet<&&str> = words.iter().collect();
            distinct.len() == words.len()
                && words.iter().all(|word| ["code", "token", "id_token"].contains(word))
        };
        ensure(words().all(|words| known(&words)), InvalidMetadata::ResponseType)?;
        let known = |grant_type: &String| GRANT_TYPES.contains(&grant_type.as_str());
        ensure(self.grant_types.iter().all(known), InvalidMetadata::GrantType)?;
        let front = words().any(|words| words != ["code"]);
        let legacy = front || [IMPLICIT, PASSWORD].iter().any(|name| self.lists_grant_type(name));
        ensure(!legacy || policy.legacy_grants, InvalidMetadata::Legacy)?;
        if !self.grant_types.is_empty() {
            let by_code =
                self.response_types.is_empty() || words().any(|words| words.contains(&"code"));
            let by_front = words().any(|words| words.iter().any(|word| *word != "code"));
            let code_fits =
                self.response_types.is_empty() || by_code == self.lists_grant_type(CODE);
            ensure(
                code_fits && by_front == self.lists_grant_type(IMPLICIT),
                InvalidMetadata::FlowsDiffer,
            )?;
        }
        let alone = self.lists_grant_type(CLIENT_CREDENTIALS)
            && self.token_endpoint_auth_method == Some(AuthMethod::None);
        ensure(!alone, InvalidMetadata::NotConfidential)
    }

    fn check_sector(&self, policy: &ClientPolicy) -> Checked {
        if let Some(uri) = &self.sector_identifier_uri {
            ensure(address::of_ours(uri) == Some(Address::Https), InvalidMetadata::Sector)?;
        }
        if self.subject_type != Some(SubjectType::Pairwise) {
            return Ok(());
        }
        let host =
            |uri: &String| Url::parse(uri).ok()?.host().map(|host: Host<&str>| host.to_owned());
        let hosts: Vec<Host> = self.redirect_uris.iter().filter_map(host).collect();
        let one = hosts.windows(2).all(|pair| pair[0] == pair[1]);
        ensure(one || self.sector_identifier_uri.is_some(), InvalidMetadata::Sectors)?;
        match OWN_SCOPES.into_iter().find(|own| policy.scope.contains(own)) {
            Some(own) => Err(InvalidMetadata::PairwiseScope(own)),
            None => Ok(()),
        }
    }

    fn check_profile(&self, policy: &ClientPolicy) -> Checked {
        if policy.security_profile != SecurityProfile::Fapi2 {
            return Ok(());
        }
        let strong = matches!(
            self.token_endpoint_auth_method,
            Some(AuthMethod::PrivateKeyJwt | AuthMethod::SelfSignedTlsClientAuth)
        );
        ensure(strong, InvalidMetadata::ProfileMethod)?;
        let algorithm = self.id_token_signed_response_alg;
        ensure(algorithm != Some(Algorithm::RS256), InvalidMetadata::ProfileAlgorithm)
    }
}

fn at_most<T>(most: usize, name: &'static str, items: &[T]) -> Checked {
    ensure(items.len() <= most, InvalidMetadata::TooMany(name))
}

fn ensure(sound: bool, finding: InvalidMetadata) -> Checked {
    if sound { Ok(()) } else { Err(finding) }
}

#[cfg(test)]
mod tests;
