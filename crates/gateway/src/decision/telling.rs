//! What the service behind is told: who asks, in the form that the rule says, and never the
//! client's own credentials unless the rule says that.

use http::header::{AUTHORIZATION, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::{Config, Rule, Telling};
use crate::{Facts, Gateway, Host, Identity, Refusal};

/// Where clients send credentials that are not for the service behind. Cookies are taken apart
/// one by one.
pub(super) const CREDENTIALS: [HeaderName; 3] =
    [AUTHORIZATION, PROXY_AUTHORIZATION, HeaderName::from_static("dpop")];

/// What there is to tell.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) rule: &'a Rule,
    pub(super) facts: &'a Facts,
    pub(super) identity: Option<&'a Identity>,
}

impl Gateway {
    /// The headers for the service behind.
    pub(super) fn tell(
        &self,
        config: &Config,
        told: &Told<'_>,
        request_id: &str,
    ) -> Result<HeaderMap, Refusal> {
        let names = &config.identity;
        let form = told.rule.identity.unwrap_or_default();
        let said = told.identity.filter(|_| form == Telling::Headers);
        let mut headers = names.telling(said, request_id);
        let Some(identity) = told.identity else { return Ok(headers) };
        match form {
            Telling::Headers | Telling::None => {}
            Telling::Jwt => {
                let signer = self.signer().ok_or(Refusal::Unavailable)?;
                let audience = audience(told);
                let jwt = signer.assert(identity, &audience, self.now(), self.entropy());
                headers.insert(names.jwt.clone(), jwt);
            }
            Telling::AccessToken => {
                // A login elsewhere brought no access token of ours.
                let token = identity.access_token.as_ref().ok_or(Refusal::Unavailable)?;
                let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
                let mut bearer = bearer.map_err(|_| Refusal::Unavailable)?;
                bearer.set_sensitive(true);
                headers.insert(AUTHORIZATION, bearer);
            }
        }
        Ok(headers)
    }
}

fn audience(told: &Told<'_>) -> String {
    let named = told.rule.audience.as_ref().or(told.rule.upstream.as_ref());
    named.cloned().unwrap_or_else(|| {
        let host = told.facts.host.parse::<Host>();
        host.map(|host| host.to_string()).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests;
