//! Who sends a request: the address it comes from, the key it proves to hold, the access token
//! it carries.

pub(crate) mod own_token;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::http::{HeaderMap, Method, header};
use menshen_domain::{SecretHash, dpop_nonce};
use menshen_store::OneTime;
use menshen_token::AccessToken;
use menshen_token::dpop::{Proof, ProofFlaw};
use url::Url;

use crate::app::App;
use crate::error::OAuthError;

/// The address a request comes from. `X-Forwarded-For` is believed as far as trusted proxies
/// wrote it: from the right up to the first address that is not one of them.
pub(crate) fn address(app: &App, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let trusted = |address: &IpAddr| {
        app.config.trusted_proxies.iter().any(|network| network.contains(address))
    };
    let mut nearest = peer.ip().to_canonical();
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let hops = lines.iter().rev().flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    for hop in hops {
        if !trusted(&nearest) {
            break;
        }
        let Some(address) = read_address(hop.trim()) else { break };
        nearest = address;
    }
    nearest
}

/// An address with or without a port.
fn read_address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

/// The proof of possession that a request to our own `path` carries (RFC 9449 section 4.3),
/// used up. `None` when it carries none.
///
/// # Errors
///
/// Those of [`judge_proof`] and [`use_up`].
pub(crate) async fn proof(
    app: &App,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<Option<Proof>, OAuthError> {
    let proof = judge_proof(app, method, path, headers)?;
    if let Some(proof) = &proof {
        use_up(app, proof).await?;
    }
    Ok(proof)
}

/// Like [`proof`], but not used up yet: where anybody can make one, that is a write for nothing
/// until the rest of the request has been found good.
///
/// # Errors
///
/// [`OAuthError::InvalidDpopProof`], [`OAuthError::UseDpopNonce`].
pub(crate) fn judge_proof(
    app: &App,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<Option<Proof>, OAuthError> {
    let mut lines = headers.get_all("dpop").iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(OAuthError::InvalidDpopProof("there must be one DPoP proof"));
    }
    let text = line.to_str().map_err(|_| refused(ProofFlaw::Malformed))?;
    let proof = Proof::parse(text).map_err(refused)?;
    let window = app.config.dpop_window;
    let now = app.now();
    let url = Url::parse(&app.config.endpoint(path)).map_err(|_| OAuthError::Internal)?;
    proof.judge_request(method.as_str(), &url, now, window).map_err(refused)?;
    if app.config.dpop_nonce_required {
        let nonces = dpop_nonce::accepted(&app.keyring.mac_keys(), now);
        if proof.judge_nonce(&nonces).is_err() {
            let [current, _] = nonces;
            return Err(OAuthError::UseDpopNonce(current));
        }
    }
    Ok(Some(proof))
}

/// Takes a proof for the one request it is good for.
///
/// # Errors
///
/// [`OAuthError::InvalidDpopProof`] when it was used before; the store's.
pub(crate) async fn use_up(app: &App, proof: &Proof) -> Result<(), OAuthError> {
    let window = app.config.dpop_window;
    // Remembered for longer than it is accepted here: the clock of another node may be behind.
    let forget_at = proof.issued_at + window + window + Duration::from_secs(1);
    let name = format!("{}.{}", proof.thumbprint.as_str(), proof.jti);
    let name = SecretHash::of(name.as_bytes());
    if !app.store.consume(OneTime::DpopProof, name.as_str(), forget_at).await? {
        return Err(OAuthError::InvalidDpopProof("the DPoP proof was used before"));
    }
    Ok(())
}

fn refused(flaw: ProofFlaw) -> OAuthError {
    OAuthError::InvalidDpopProof(match flaw {
        ProofFlaw::Malformed => "the DPoP proof is malformed",
        ProofFlaw::BadSignature => "the signature of the DPoP proof is invalid",
        ProofFlaw::WrongRequest => "the DPoP proof is for another request",
        ProofFlaw::NotRecent => "the DPoP proof is not recent",
        ProofFlaw::WrongToken => "the DPoP proof is for another access token",
        ProofFlaw::WrongNonce => "the DPoP proof lacks the nonce",
    })
}

/// The sender of a request to a resource of ours, by a live access token.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// What the token says.
    pub(crate) token: AccessToken,
}

impl Caller {
    /// Sees to it that the token allows something.
    ///
    /// # Errors
    ///
    /// [`OAuthError::InsufficientScope`].
    pub(crate) fn require(&self, scope: &'static str) -> Result<(), OAuthError> {
        if self.token.scope.contains(scope) {
            Ok(())
        } else {
            Err(OAuthError::InsufficientScope(scope))
        }
    }
}

const BOUND: &str = "the access token is bound to a key: send it as DPoP, with a proof";
const ANOTHER_KEY: &str = "the access token is bound to a key that was not proved";

/// Judges the access token of a request to our own `path`: genuine, live, meant for us, sent
/// as its binding asks, and not revoked by what the database says now.
///
/// # Errors
///
/// [`OAuthError::MissingToken`], [`OAuthError::InvalidToken`], [`OAuthError::UnprovenToken`],
/// those of [`proof`] as a resource says them, the store's.
pub(crate) async fn authenticate(
    app: &App,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<Caller, OAuthError> {
    let credentials = credentials(headers)?;
    let token = own_token::live_here(app, credentials.token).await?;
    let token = token.ok_or(OAuthError::InvalidToken)?;
    match (credentials.scheme, &token.confirmation) {
        (Scheme::Bearer, None) => {}
        (Scheme::Dpop, Some(key)) => {
            let proof = proof(app, method, path, headers).await.map_err(OAuthError::at_resource)?;
            let proof = proof.ok_or(OAuthError::RefusedProof("a DPoP proof is required"))?;
            if proof.thumbprint != *key {
                return Err(OAuthError::UnprovenToken(ANOTHER_KEY));
            }
            let judged = proof.judge_token(credentials.token).map_err(refused);
            judged.map_err(OAuthError::at_resource)?;
        }
        // A bound token sent without its proof may be a stolen one.
        (Scheme::Bearer, Some(_)) => return Err(OAuthError::UnprovenToken(BOUND)),
        (Scheme::Dpop, None) => return Err(OAuthError::InvalidToken),
    }
    match app.store.is_revoked(&token, app.now()).await? {
        None => {
            tracing::Span::current().record("client.id", token.client_id.as_str());
            Ok(Caller { token })
        }
        Some(_) => Err(OAuthError::InvalidToken),
    }
}

struct Credentials<'a> {
    scheme: Scheme,
    token: &'a str,
}

#[derive(Clone, Copy)]
enum Scheme {
    Bearer,
    Dpop,
}

/// What the one `Authorization` header says (RFC 6750 section 2.1, RFC 9449 section 7.1).
fn credentials(headers: &HeaderMap) -> Result<Credentials<'_>, OAuthError> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let Some(line) = lines.next() else { return Err(OAuthError::MissingToken) };
    if lines.next().is_some() {
        return Err(OAuthError::InvalidRequest("there must be one Authorization header"));
    }
    let line = line.to_str().map_err(|_| OAuthError::InvalidToken)?;
    let (scheme, token) = line.split_once(' ').ok_or(OAuthError::MissingToken)?;
    let scheme = if scheme.eq_ignore_ascii_case("bearer") {
        Scheme::Bearer
    } else if scheme.eq_ignore_ascii_case("dpop") {
        Scheme::Dpop
    } else {
        return Err(OAuthError::MissingToken);
    };
    Ok(Credentials { scheme, token: token.trim_start_matches(' ') })
}
