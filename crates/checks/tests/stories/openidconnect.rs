//! A web app written with the crate `openidconnect`, which nobody here wrote: it signs in,
//! refreshes, introspects, revokes, and signs out, and what it held is worthless then. Clients
//! from other languages are in the folder `checks/interop`.

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
    CoreClientAuthMethod, CoreErrorResponseType, CoreGrantType, CoreIdTokenClaims, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IntrospectionUrl,
    IssuerUrl, LogoutProviderMetadata, LogoutRequest, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PostLogoutRedirectUrl, ProviderMetadata, RedirectUrl, RefreshToken,
    RequestTokenError, RevocationUrl, Scope, TokenIntrospectionResponse as _, TokenResponse as _,
};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::harness::{Answer, Browser, Database, Server, Setup, Site, sent};

/// Who the server says it is: there is a proxy in front of it that speaks TLS.
const ISSUER: &str = "https://login.example";
const CALLBACK: &str = "https://app.example/callback";
const GOODBYE: &str = "https://app.example/goodbye";
const PASSWORD: &str = "a password of ada";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_app_signs_in_refreshes_and_signs_out_for_good() {
    let app = App::open().await;
    let mut browser = app.browser();
    let tokens = app.sign_in(&mut browser).await;

    let person = app.person(&tokens).await.expect("it is signed in");
    let name = person.name().and_then(|name| name.get(None)).expect("its scope covers it");
    assert_eq!(name.as_str(), "Ada Lovelace");
    assert!(app.is_active(&tokens).await);

    let fresh = app.refresh(tokens.refresh_token().expect("it gets one")).await;
    let fresh = fresh.expect("the token is good");
    assert_ne!(secret_of(&fresh), secret_of(&tokens), "refresh tokens rotate");
    assert_ne!(fresh.access_token().secret(), tokens.access_token().secret());

    let before = browser.clone();
    let goodbye = app.sign_out(&mut browser, &tokens).await;
    assert_eq!(goodbye.header("location"), format!("{GOODBYE}?state=bye"), "{}", goodbye.text);

    app.is_over(&fresh).await;
    let back = sent(&app.ask_silently(before).await);
    assert_eq!(back["error"], "login_required");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_web_app_revokes_is_dead() {
    let app = App::open().await;
    let tokens = app.sign_in(&mut app.browser()).await;
    let token = tokens.refresh_token().expect("it gets one").clone();
    let request = app.client.revoke_token(token.into()).expect("the endpoint speaks TLS");
    request.request_async(&app.http()).await.expect("it is revoked");
    app.is_over(&tokens).await;
}

/// What the discovery document says beyond what the crate knows of.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Endpoints {
    revocation_endpoint: RevocationUrl,
    introspection_endpoint: IntrospectionUrl,
}

impl AdditionalProviderMetadata for Endpoints {}

type Metadata = ProviderMetadata<
    LogoutProviderMetadata<Endpoints>,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointSet,
    EndpointSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The web app.
struct App {
    server: Server,
    metadata: Metadata,
    client: Client,
}

impl App {
    async fn open() -> Self {
        let server = Setup::on(Database::Sqlite).issued_by(ISSUER.to_owned()).start().await;
        let operator = server.operator().await;
        let ada = json!({
            "username": "ada", "password": PASSWORD, "claims": { "name": "Ada Lovelace" },
        });
        operator.post("/admin/users", &ada).await.ok();
        let client = json!({
            "id": "app", "name": "An app", "confidential": true,
            "metadata": {
                "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [GOODBYE],
            },
            "policy": { "scope": "openid profile" },
        });
        let created = operator.post("/admin/clients", &client).await.ok();
        let secret = ClientSecret::new(created.text("client_secret").to_owned());

        let issuer = IssuerUrl::new(ISSUER.to_owned()).expect("a URL");
        let http = carrier(server.site());
        let metadata = Metadata::discover_async(issuer, &http).await.expect("it is there");
        let endpoints = &metadata.additional_metadata().additional_metadata;
        let (revocation, introspection) =
            (endpoints.revocation_endpoint.clone(), endpoints.introspection_endpoint.clone());
        let client = ClientId::new("app".to_owned());
        let client = CoreClient::from_provider_metadata(metadata.clone(), client, Some(secret))
            .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).expect("a URL"))
            .set_revocation_url(revocation)
            .set_introspection_url(introspection);
        Self { server, metadata, client }
    }

    fn browser(&self) -> Browser {
        Browser::for_issuer(self.server.site(), ISSUER)
    }

    fn http(&self) -> impl Fn(HttpRequest) -> BoxFuture {
        carrier(self.server.site())
    }

    async fn sign_in(&self, browser: &mut Browser) -> CoreTokenResponse {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = self
            .client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let page = browser.get(own_path(&url)).await;
        let fields = [("username", "ada"), ("password", PASSWORD)];
        let page = browser.submit(&page, "/sign-in", &fields).await;
        let back = sent(&browser.submit(&page, "/consent", &[("decision", "allow")]).await);
        assert_eq!(back["state"], *state.secret());

        let code = AuthorizationCode::new(back["code"].clone());
        let request = self.client.exchange_code(code).expect("there is a token endpoint");
        let request = request.set_pkce_verifier(verifier);
        let tokens = request.request_async(&self.http()).await.expect("the code is good");
        let id_token = tokens.id_token().expect("the scope has `openid`");
        let _: &CoreIdTokenClaims =
            id_token.claims(&self.client.id_token_verifier(), &nonce).expect("it is good");
        tokens
    }

    async fn person(&self, tokens: &CoreTokenResponse) -> Option<CoreUserInfoClaims> {
        let request = self.client.user_info(tokens.access_token().clone(), None);
        request.expect("there is an endpoint").request_async(&self.http()).await.ok()
    }

    async fn is_active(&self, tokens: &CoreTokenResponse) -> bool {
        let request = self.client.introspect(tokens.access_token());
        request.request_async(&self.http()).await.expect("it may ask").active()
    }

    /// New tokens, or the error code.
    async fn refresh(
        &self,
        token: &RefreshToken,
    ) -> Result<CoreTokenResponse, CoreErrorResponseType> {
        let request = self.client.exchange_refresh_token(token).expect("there is an endpoint");
        request.request_async(&self.http()).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(answer) => answer.error().clone(),
            other => panic!("no answer of the token endpoint: {other}"),
        })
    }

    async fn sign_out(&self, browser: &mut Browser, tokens: &CoreTokenResponse) -> Answer {
        let endpoint = self.metadata.additional_metadata().end_session_endpoint.clone();
        let goodbye = PostLogoutRedirectUrl::new(GOODBYE.to_owned()).expect("a URL");
        let url = LogoutRequest::from(endpoint.expect("it is announced"))
            .set_id_token_hint(tokens.id_token().expect("it signed in"))
            .set_post_logout_redirect_uri(goodbye)
            .set_state(CsrfToken::new("bye".to_owned()))
            .http_get_url();
        browser.get(own_path(&url)).await
    }

    /// Asks with the cookies of a browser whether somebody is signed in.
    async fn ask_silently(&self, mut browser: Browser) -> Answer {
        let (url, _, _) = self
            .client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_extra_param("prompt", "none")
            .url();
        browser.get(own_path(&url)).await
    }

    async fn is_over(&self, tokens: &CoreTokenResponse) {
        let refused = self.refresh(tokens.refresh_token().expect("it got one")).await;
        assert_eq!(refused.err(), Some(CoreErrorResponseType::InvalidGrant));
        assert!(self.person(tokens).await.is_none(), "nobody is told who that was");
        assert!(!self.is_active(tokens).await);
    }
}

type BoxFuture = std::pin::Pin<Box<dyn Future<Output = reqwest::Result<HttpResponse>> + Send>>;

/// Carries requests for the issuer to where it is.
fn carrier(site: Site) -> impl Fn(HttpRequest) -> BoxFuture {
    move |request| {
        let site = site.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let headers: Vec<(&str, &str)> = parts
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().expect("visible ASCII")))
                .collect();
            let path = parts.uri.path_and_query().expect("an address").as_str();
            let answer = site.raw(parts.method, path, body, &headers).await?;
            let mut response = HttpResponse::new(answer.text.into_bytes());
            *response.status_mut() = answer.status.try_into().expect("a status");
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}

/// The path and query of an address of the issuer.
fn own_path(url: &Url) -> &str {
    url.as_str().strip_prefix(ISSUER).unwrap_or_else(|| panic!("{url} is not of {ISSUER}"))
}

fn secret_of(tokens: &CoreTokenResponse) -> &str {
    tokens.refresh_token().expect("it gets one").secret()
}
