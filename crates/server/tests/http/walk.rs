//! A browser in front of the pages: it keeps cookies, fills in forms, and follows redirects as far
//! as they stay with us.

use std::collections::BTreeMap;

use url::Url;

use crate::harness::{Answer, ISSUER, PASSWORD, Server};

/// A browser.
#[derive(Clone, Default)]
pub(crate) struct Walker {
    cookies: BTreeMap<String, String>,
}

/// A form as a page shows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) action: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Walker {
    /// Asks for a path of ours, and stays there.
    pub(crate) async fn get(&mut self, server: &Server, path: &str) -> Answer {
        let call = server.call("GET", path).header("cookie", self.cookie_line());
        let answer = call.send().await;
        self.take_cookies(&answer);
        answer
    }

    /// Sends a form to a path of ours.
    pub(crate) async fn post(
        &mut self,
        server: &Server,
        path: &str,
        form: &[(&str, &str)],
    ) -> Answer {
        let call = server.call("POST", path).header("cookie", self.cookie_line());
        let call = call.header("sec-fetch-site", "same-origin").form(form);
        let answer = call.send().await;
        self.take_cookies(&answer);
        answer
    }

    /// Sends the form of a page, with some fields filled in.
    pub(crate) async fn submit(
        &mut self,
        server: &Server,
        page: &Answer,
        action: &str,
        filled: &[(&str, &str)],
    ) -> Answer {
        let form = forms(&page.body).into_iter().find(|form| form.action == action);
        let form = form.unwrap_or_else(|| panic!("no form to {action} in {}", page.body));
        let hidden = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let hidden = hidden.filter(|(name, _)| !filled.iter().any(|(own, _)| own == name));
        let all: Vec<(&str, &str)> = hidden.chain(filled.iter().copied()).collect();
        self.post(server, action, &all).await
    }

    /// Follows redirects until a page is shown or a client is reached.
    pub(crate) async fn follow(&mut self, server: &Server, mut answer: Answer) -> Answer {
        while let Some(path) = own_path(&answer) {
            answer = self.get(server, &path).await;
        }
        answer
    }

    /// Signs `ada` in on the page shown.
    pub(crate) async fn sign_in(&mut self, server: &Server, page: &Answer) -> Answer {
        self.sign_in_as(server, page, "ada").await
    }

    /// Signs somebody in on the page shown.
    pub(crate) async fn sign_in_as(
        &mut self,
        server: &Server,
        page: &Answer,
        username: &str,
    ) -> Answer {
        let fields = [("username", username), ("password", PASSWORD)];
        let answer = self.submit(server, page, "/sign-in", &fields).await;
        self.follow(server, answer).await
    }

    /// The value of the cookie that holds the session.
    pub(crate) fn session(&self) -> Option<&str> {
        self.cookies.get("__Host-menshen-session").map(String::as_str)
    }

    /// Puts a cookie into the browser, as whoever was at it before might have done.
    pub(crate) fn plant(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn cookie_line(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn take_cookies(&mut self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().expect("visible ASCII");
            let (pair, attributes) = line.split_once(';').expect("it has attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// The path of ours that an answer redirects to, if it does.
fn own_path(answer: &Answer) -> Option<String> {
    answer.header("location").strip_prefix(ISSUER).map(str::to_owned)
}

/// The parameters of the query, or fragment, of the address that an answer redirects to.
pub(crate) fn sent(answer: &Answer) -> BTreeMap<String, String> {
    let url = Url::parse(answer.header("location"));
    let url = url.unwrap_or_else(|_| panic!("no redirect: {} {}", answer.status, answer.body));
    let text = url.fragment().or(url.query()).unwrap_or_default();
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// A path with a query.
pub(crate) fn path(path: &str, query: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("{path}?{query}")
}

/// The forms of a page.
pub(crate) fn forms(html: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    for tag in html.split('<') {
        if tag.starts_with("form ") {
            found.push(Shown { action: attribute(tag, "action"), fields: Vec::new() });
        } else if let (true, Some(form)) = (tag.starts_with("input "), found.last_mut()) {
            form.fields.push((attribute(tag, "name"), attribute(tag, "value")));
        }
    }
    found
}

fn attribute(tag: &str, name: &str) -> String {
    let begin = format!(" {name}=\"");
    let value = tag.split(&begin).nth(1).and_then(|rest| rest.split('"').next());
    let value = value.unwrap_or_default();
    [
        ("&#38;", "&"),
        ("&amp;", "&"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
    ]
    .iter()
    .fold(value.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}
