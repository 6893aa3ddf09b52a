//! A browser in front of a gateway: it signs in at the provider, and keeps the cookies of both.

use std::net::SocketAddr;

use reqwest::{Method, Url};
use serde_json::Value;

use super::{Answer, Browser, Cookies, Server, Site, Wire};

/// What the guarded site is called. Browsers take it for their own machine.
pub(crate) const HOST: &str = "127.0.0.1:7777";

/// A browser of somebody.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    gateway: Site,
    provider: Option<Browser>,
    issuer: String,
    cookies: Cookies,
}

impl Visitor {
    /// A new one, without any cookie, that reaches the gateway at this address.
    pub(crate) fn new(gateway: SocketAddr, server: &Server) -> Self {
        Self {
            gateway: Site::new(&format!("http://{gateway}"), Wire::Connections),
            provider: Some(Browser::new(server.site())),
            issuer: server.issuer.clone(),
            cookies: Cookies::default(),
        }
    }

    /// One that signs in elsewhere.
    pub(crate) fn of(gateway: SocketAddr) -> Self {
        let gateway = Site::new(&format!("http://{gateway}"), Wire::Connections);
        Self { gateway, provider: None, issuer: String::new(), cookies: Cookies::default() }
    }

    /// The same browser, as the provider sees it.
    pub(crate) fn provider(&mut self) -> &mut Browser {
        self.provider.as_mut().expect("it signs in at ours")
    }

    /// The same browser, at another node.
    pub(crate) fn at(&self, gateway: SocketAddr) -> Self {
        let gateway = Site::new(&format!("http://{gateway}"), Wire::Connections);
        Self { gateway, ..self.clone() }
    }

    /// Sends a request to one of the gateway's own endpoints.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        (body, headers): (&Value, &[(&str, &str)]),
    ) -> Answer {
        let cookies = self.cookie_line();
        let own = [("host", HOST), ("cookie", cookies.as_str())];
        let headers = [&own, headers].concat();
        let answer = self.gateway.json(method, path, body, &headers).await.expect("it answers");
        self.take_cookies(&answer);
        answer
    }

    /// Goes to one of the gateway's own endpoints, as a person does.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let headers = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
        self.send(Method::GET, path, (&Value::Null, &headers)).await
    }

    /// Who is signed in, as scripts of the site ask.
    pub(crate) async fn session(&mut self) -> Answer {
        self.send(Method::GET, "/.menshen/session", (&Value::Null, &[])).await
    }

    /// Begins to sign in, and goes through the pages of the provider; the address that the provider
    /// sends the browser back to.
    pub(crate) async fn come_back(&mut self, login: &str, username: &str, password: &str) -> Url {
        let begun = self.get(login).await;
        assert_eq!(begun.status, 303, "{}", begun.text);
        let location = begun.header("location").to_owned();
        let at_provider = location.strip_prefix(&self.issuer).expect("the provider's").to_owned();
        let mut page = self.provider().get(&at_provider).await;
        if page.text.contains("action=\"/sign-in\"") {
            let fields = [("username", username), ("password", password)];
            page = self.provider().submit(&page, "/sign-in", &fields).await;
        }
        let back: Url = page.header("location").parse().unwrap_or_else(|_| panic!("{}", page.text));
        assert!(back.as_str().starts_with(&format!("http://{HOST}/")), "{back}");
        back
    }

    /// Signs in all the way; where the browser is sent in the end.
    pub(crate) async fn sign_in(&mut self, login: &str, username: &str, password: &str) -> Answer {
        let back = self.come_back(login, username, password).await;
        self.get(&path_of(&back)).await
    }

    /// The value of the cookie that holds the session.
    pub(crate) fn session_cookie(&self) -> Option<&str> {
        self.cookies.get("menshen-session")
    }

    /// All cookies, as they are sent to the site.
    pub(crate) fn cookie_line(&self) -> String {
        self.cookies.line()
    }

    fn take_cookies(&mut self, answer: &Answer) {
        for attributes in self.cookies.take(answer) {
            assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Lax"));
        }
    }
}

/// Path and query of an address.
pub(crate) fn path_of(url: &Url) -> String {
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}
