//! A browser in front of a server, and apps that people sign in to by it.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use serde_json::{Value, json};

use super::{Answer, Cookies, Operator, Site};

/// Where codes are sent. Nobody is there: what a browser would bring is read off the redirect.
const CALLBACK: &str = "https://web.example/callback";

/// Where browsers are sent after a logout.
pub(crate) const SIGNED_OUT: &str = "https://web.example/signed-out";

const VERIFIER: &str = "another-verifier-of-forty-three-characters-or-more";

/// A browser: it keeps cookies, and fills in forms.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    site: Site,
    issuer: String,
    cookies: Cookies,
}

impl Browser {
    /// A new one.
    pub(crate) fn new(site: Site) -> Self {
        let issuer = site.base().to_owned();
        Self::for_issuer(site, &issuer)
    }

    /// A new one, for a server that does not know itself by its own address.
    pub(crate) fn for_issuer(site: Site, issuer: &str) -> Self {
        Self { site, issuer: issuer.to_owned(), cookies: Cookies::default() }
    }

    /// Goes to a path of the server, and follows redirects as long as they stay there.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let mut path = path.to_owned();
        loop {
            let cookies = self.cookies.line();
            let answer = self.site.get(&path, &[("cookie", &cookies)]).await.expect("it answers");
            self.cookies.take(&answer);
            match answer.header("location").strip_prefix(&self.issuer) {
                Some(own) => path = own.to_owned(),
                None => return answer,
            }
        }
    }

    /// Sends the form of a page, with some fields filled in, and follows redirects.
    pub(crate) async fn submit(
        &mut self,
        page: &Answer,
        action: &str,
        filled: &[(&str, &str)],
    ) -> Answer {
        let fields = fields(&page.text, action);
        let is_filled = |name: &str| filled.iter().any(|(filled, _)| *filled == name);
        let given = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let given = given.filter(|(name, _)| !is_filled(name));
        let form: Vec<(&str, &str)> = given.chain(filled.iter().copied()).collect();
        let cookies = self.cookies.line();
        let headers = [("cookie", cookies.as_str()), ("sec-fetch-site", "same-origin")];
        let answer = self.site.form(action, &form, &headers).await.expect("it answers");
        self.cookies.take(&answer);
        match answer.header("location").strip_prefix(&self.issuer) {
            Some(own) => self.get(own).await,
            None => answer,
        }
    }
}

/// The hidden fields of the form with this action.
fn fields(html: &str, action: &str) -> Vec<(String, String)> {
    let begin = format!("action=\"{action}\"");
    let (_, form) = html.split_once(&begin).unwrap_or_else(|| panic!("no {action} in {html}"));
    let form = form.split("</form>").next().unwrap_or_default();
    let hidden = form.split('<').filter(|tag| tag.starts_with("input type=\"hidden\""));
    hidden.map(|tag| (attribute(tag, "name"), attribute(tag, "value"))).collect()
}

fn attribute(tag: &str, name: &str) -> String {
    let begin = format!(" {name}=\"");
    let value = tag.split(&begin).nth(1).and_then(|rest| rest.split('"').next());
    value.unwrap_or_default().replace("&#38;", "&").replace("&#39;", "'").replace("&#34;", "\"")
}

/// A confidential web app.
#[derive(Clone, Debug)]
pub(crate) struct WebApp {
    /// `client_id`.
    pub(crate) id: String,
    site: Site,
    secret: String,
    scope: &'static str,
}

/// All that an app got by one sign-in: the tokens of every generation.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The code that it came with.
    pub(crate) code: String,
    /// The ID token.
    pub(crate) id_token: String,
    /// The latest access token.
    pub(crate) access: String,
    /// Every refresh token, the latest last.
    pub(crate) refresh: Vec<String>,
}

impl WebApp {
    /// Registers one that wants to be told of logouts at `backchannel`.
    pub(crate) async fn register(
        operator: &Operator,
        site: Site,
        id: &str,
        scope: &'static str,
        (first_party, backchannel): (&Value, &str),
    ) -> Self {
        let body = json!({
            "id": id,
            "name": id,
            "confidential": true,
            "metadata": {
                "redirect_uris": [CALLBACK],
                "post_logout_redirect_uris": [SIGNED_OUT],
                "backchannel_logout_uri": backchannel,
            },
            "policy": { "scope": scope, "first_party": first_party },
        });
        let answer = operator.post("/admin/clients", &body).await.ok();
        let secret = answer.text("client_secret").to_owned();
        Self { id: id.to_owned(), site, secret, scope }
    }

    /// The path that it sends browsers to.
    pub(crate) fn request(&self, extra: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
        let query = [
            ("client_id", self.id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", self.scope),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        with_query("/authorize", &[&query[..], extra].concat())
    }

    /// Signs a user in by a browser, and refreshes twice.
    pub(crate) async fn enter(
        &self,
        browser: &mut Browser,
        username: &str,
        password: &str,
    ) -> Kept {
        let mut page = browser.get(&self.request(&[])).await;
        if page.text.contains("action=\"/sign-in\"") {
            let fields = [("username", username), ("password", password)];
            page = browser.submit(&page, "/sign-in", &fields).await;
        }
        if page.text.contains("action=\"/consent\"") {
            page = browser.submit(&page, "/consent", &[("decision", "allow")]).await;
        }
        let code = sent(&page).remove("code").unwrap_or_else(|| panic!("no code: {}", page.text));
        let answer = self.redeem(&code).await.ok();
        let mut kept = Kept {
            code,
            id_token: answer.text("id_token").to_owned(),
            access: answer.text("access_token").to_owned(),
            refresh: vec![answer.text("refresh_token").to_owned()],
        };
        for _ in 0..2 {
            let answer = self.refresh(&kept.refresh[kept.refresh.len() - 1]).await.ok();
            answer.text("access_token").clone_into(&mut kept.access);
            kept.refresh.push(answer.text("refresh_token").to_owned());
        }
        kept
    }

    /// Presents a code.
    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.form("/token", &form).await
    }

    /// Presents a refresh token.
    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.form("/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Gives a token back (RFC 7009).
    pub(crate) async fn revoke(&self, token: &str) -> Answer {
        self.form("/revoke", &[("token", token)]).await
    }

    async fn form(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let own = [("client_id", self.id.as_str()), ("client_secret", self.secret.as_str())];
        self.site.form(path, &[form, &own].concat(), &[]).await.expect("it answers")
    }
}

/// A path with a query.
pub(crate) fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let url = Url::parse_with_params("http://localhost/", query).expect("a URL");
    format!("{path}?{}", url.query().unwrap_or_default())
}

/// What a redirect to an app carries; nothing when it is none.
pub(crate) fn sent(answer: &Answer) -> BTreeMap<String, String> {
    let url = Url::parse(answer.header("location"));
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}
