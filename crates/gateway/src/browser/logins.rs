//! The providers that browsers sign in at, by the names that the rules file gives them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Certificate;
use url::Url;

use super::provider::{Directory, LoginProvider, is_safe};
use crate::StartError;
use crate::config::{Config, LoginAt};

/// Those of one rules file.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    /// The provider that the verifier follows.
    own: Option<Arc<LoginProvider>>,
    named: BTreeMap<String, Arc<LoginProvider>>,
}

impl Logins {
    /// Reads secrets and certificates; asks nobody. Empty when no rule is about browsers.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub(crate) fn open(config: &Config, secret: Option<&str>) -> Result<Self, StartError> {
        if !config.keeps_sessions() {
            return Ok(Self::default());
        }
        let own = config.provider.as_ref().map(|provider| {
            let at = LoginAt {
                issuer: None,
                client_id: None,
                client_secret_file: None,
                scopes: Vec::new(),
                ca: provider.ca.clone(),
                plain_http: provider.plain_http,
                after_logout: None,
            };
            open(config, "provider", &at, secret).map(Arc::new)
        });
        let named = config
            .logins
            .iter()
            .map(|(name, at)| Ok((name.clone(), Arc::new(open(config, name, at, secret)?))));
        Ok(Self { own: own.transpose()?, named: named.collect::<Result<_, StartError>>()? })
    }

    /// Where browsers sign in for a rule that names this login, or none.
    pub(crate) fn of(&self, login: Option<&str>) -> Option<&Arc<LoginProvider>> {
        match login {
            Some(name) => self.named.get(name),
            None => self.own.as_ref(),
        }
    }

    /// All of them that have this issuer.
    pub(crate) fn issued_by<'a>(
        &'a self,
        issuer: &'a str,
    ) -> impl Iterator<Item = &'a Arc<LoginProvider>> {
        self.own.iter().chain(self.named.values()).filter(move |login| login.issuer == issuer)
    }
}

fn open(
    config: &Config,
    name: &str,
    at: &LoginAt,
    secret: Option<&str>,
) -> Result<LoginProvider, StartError> {
    let wrong = |what: &str| StartError::Login(name.to_owned(), what.to_owned());
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).map_err(|error| StartError::File(path.clone(), error))
    };
    let provider = config.provider.as_ref();
    let issuer = at.issuer.clone().or_else(|| provider.map(|own| own.issuer.clone()));
    let issuer = issuer.ok_or_else(|| wrong("names no issuer, and there is no [provider]"))?;
    let client_id = at.client_id.clone().or_else(|| provider.map(|own| own.client_id.clone()));
    let client_id = client_id.ok_or_else(|| wrong("names no client_id"))?;
    let url: Url = issuer.parse().map_err(|_| wrong("has an issuer that is no URL"))?;
    let is_ours = provider.is_some_and(|own| own.issuer == issuer);
    let plain_http = at.plain_http || (is_ours && provider.is_some_and(|own| own.plain_http));
    if !is_safe(&url, plain_http) {
        return Err(wrong("has an issuer that is not https"));
    }
    let from_file = at.client_secret_file.as_ref().map(read).transpose()?;
    let is_own_client = is_ours && at.client_id.is_none();
    let secret = from_file
        .map(|text| text.trim().to_owned())
        .or_else(|| is_own_client.then(|| secret.map(str::to_owned)).flatten());
    let ca =
        at.ca.as_ref().or_else(|| provider.filter(|_| is_ours).and_then(|own| own.ca.as_ref()));
    let ca = ca.map(read).transpose()?;
    let http = client(ca.as_deref()).map_err(|error| wrong(&error))?;
    let mut scopes = vec!["openid"];
    scopes.extend(at.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid"));
    Ok(LoginProvider {
        name: name.to_owned(),
        login: config.logins.contains_key(name).then(|| name.to_owned()),
        issuer,
        client_id,
        is_ours,
        after_logout: at.after_logout.clone(),
        secret,
        scope: scopes.join(" "),
        http,
        directory: Directory::new(plain_http),
    })
}

fn client(ca: Option<&str>) -> Result<reqwest::Client, String> {
    let mut certificates = Vec::new();
    if let Some(pem) = ca {
        certificates = Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
        if certificates.is_empty() {
            return Err("names a `ca` that holds no certificate".to_owned());
        }
    }
    reqwest::Client::builder()
        .user_agent(concat!("menshen-gateway/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(3))
        .pool_idle_timeout(Duration::from_secs(20))
        .tls_certs_merge(certificates)
        .build()
        .map_err(|error| error.to_string())
}
