//! Requests and answers, as anybody could send them with `curl`.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use reqwest::RequestBuilder;
use serde_json::Value;

/// One keep-alive HTTP client.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    http: reqwest::Client,
}

/// A status and a JSON body.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The body; `null` when it was empty or no JSON.
    pub(super) body: Value,
}

impl Wire {
    /// A client that talks to this machine only: no proxy, no certificates.
    pub(super) fn new() -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(30))
            .build()
            .context("failed to build an HTTP client")?;
        Ok(Self { http })
    }

    /// Posts a form.
    pub(super) async fn post(&self, url: &str, form: &[(&str, &str)]) -> Result<Answer> {
        answer(self.http.post(url).form(form)).await
    }

    /// Posts a form with one header.
    pub(super) async fn post_with(
        &self,
        url: &str,
        header: (&str, &str),
        form: &[(&str, &str)],
    ) -> Result<Answer> {
        answer(self.http.post(url).header(header.0, header.1).form(form)).await
    }

    /// Posts a form as a client that has a secret (RFC 6749 section 2.3.1).
    pub(super) async fn post_as(
        &self,
        url: &str,
        client: (&str, &str),
        form: &[(&str, &str)],
    ) -> Result<Answer> {
        answer(self.http.post(url).basic_auth(client.0, Some(client.1)).form(form)).await
    }

    /// Posts JSON with an access token.
    pub(super) async fn post_json(&self, url: &str, token: &str, body: &Value) -> Result<Answer> {
        answer(self.http.post(url).bearer_auth(token).json(body)).await
    }

    /// Gets with an access token.
    pub(super) async fn get(&self, url: &str, token: &str) -> Result<Answer> {
        answer(self.http.get(url).bearer_auth(token)).await
    }
}

async fn answer(request: RequestBuilder) -> Result<Answer> {
    let response = request.send().await.context("failed to get an answer")?;
    let status = response.status().as_u16();
    let bytes = response.bytes().await.context("failed to read an answer")?;
    Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
}

impl Answer {
    /// A text member of the body; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A text member without which the story cannot go on.
    pub(super) fn need(&self, name: &str) -> Result<String> {
        match self.text(name) {
            "" => Err(anyhow!("expected `{name}`, got {} {}", self.status, self.body)),
            text => Ok(text.to_owned()),
        }
    }

    /// What an error says: its code and, if told, the reason.
    pub(super) fn refusal(&self) -> String {
        match (self.text("error"), self.text("reason")) {
            ("", _) => self.body.to_string(),
            (code, "") => code.to_owned(),
            (code, reason) => format!("{code}, reason {reason}"),
        }
    }
}
