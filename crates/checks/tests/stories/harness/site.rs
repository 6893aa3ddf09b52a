//! Requests to one server over real connections, and what it answered.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::Value;

/// How requests travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// HTTP/1.1: requests at the same time go over connections of their own, which are kept.
    Connections,
    /// HTTP/2: all requests share one connection.
    OneConnection,
}

/// One server as its clients see it. Clones share their connections.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    http: Client,
    base: String,
}

impl Site {
    /// A client with no connection yet.
    pub(crate) fn new(base: &str, wire: Wire) -> Self {
        let builder = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(Duration::from_mins(1));
        let builder = match wire {
            Wire::Connections => builder.http1_only(),
            Wire::OneConnection => builder.http2_prior_knowledge(),
        };
        Self { http: builder.build().expect("a client without certificates"), base: base.into() }
    }

    /// Sends a form.
    pub(crate) async fn form(
        &self,
        path: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let request = self.http.post(format!("{}{path}", self.base)).form(form);
        send(request, headers).await
    }

    /// Sends JSON, or nothing for [`Value::Null`].
    pub(crate) async fn json(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = if body.is_null() { request } else { request.json(body) };
        send(request, headers).await
    }

    /// Sends bytes as they are.
    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        send(self.http.request(method, format!("{}{path}", self.base)).body(body), headers).await
    }

    /// Asks.
    pub(crate) async fn get(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        send(self.http.get(format!("{}{path}", self.base)), headers).await
    }

    /// Where it is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }
}

async fn send(
    mut request: reqwest::RequestBuilder,
    headers: &[(&str, &str)],
) -> reqwest::Result<Answer> {
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer { status, headers, body, text })
}

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body, when it is JSON.
    pub(crate) body: Value,
    /// The body.
    pub(crate) text: String,
}

impl Answer {
    /// This answer, which must be a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        self
    }

    /// A text member of the body, empty when it is not there.
    pub(crate) fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }

    /// A number in the body.
    #[track_caller]
    pub(crate) fn number(&self, pointer: &str) -> u64 {
        let number = self.body.pointer(pointer).and_then(Value::as_u64);
        number.unwrap_or_else(|| panic!("no number at {pointer} in {}", self.text))
    }

    /// The error code.
    pub(crate) fn error(&self) -> &str {
        self.text("error")
    }

    /// A header, empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether it says that the session is gone.
    pub(crate) fn is_refusal(&self) -> bool {
        self.status == 400 && self.error() == "invalid_grant"
    }

    /// Whether it says: not now, try again.
    pub(crate) fn is_outage(&self) -> bool {
        self.status == 503 && self.header("retry-after").parse::<u64>().is_ok()
    }
}

/// Waits for a condition, at most `limit`.
#[track_caller]
pub(crate) fn until<F>(what: &str, limit: Duration, mut holds: F) -> impl Future<Output = ()>
where
    F: AsyncFnMut() -> bool,
{
    let place = std::panic::Location::caller();
    async move {
        let looking = async {
            while !holds().await {
                // Looks again until the deadline below.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let deadline = tokio::time::timeout(limit, looking).await;
        assert!(deadline.is_ok(), "{place}: waited {limit:?} in vain: {what}");
    }
}
