//! The operator of a server, by the admin API.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, Site, until};

/// Somebody with a token for the admin API.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    site: Site,
    authorization: String,
}

/// What a first-party app usually is in these stories, with changes laid over it.
pub(crate) fn app_policy(changes: &Value) -> Value {
    let mut policy = json!({
        "first_party": true,
        "scope": "account orders:read offline_access",
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        policy[name] = value.clone();
    }
    policy
}

impl Operator {
    /// Asks for a token with the secret that the server printed when it was first started.
    pub(crate) async fn enter(site: Site, secret: &str) -> Self {
        let scope = "admin revocations:read";
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        let form = [&form[..], &[("client_id", "admin"), ("client_secret", secret)]].concat();
        let mut operator = Self { site, authorization: String::new() };
        // A client's token speaks for the moment at which the client was last read, a second ago
        // at most: right after everything was revoked, the first ones are dead.
        until("the operator's token is good", Duration::from_secs(10), async || {
            let answer = operator.site.form("/token", &form, &[]).await.expect("it answers").ok();
            operator.authorization = format!("Bearer {}", answer.text("access_token"));
            operator.introspect(answer.text("access_token")).await.status == 200
        })
        .await;
        operator
    }

    /// Creates a user and returns the id.
    pub(crate) async fn add_user(&self, username: &str, password: &str) -> String {
        let body = json!({ "username": username, "password": password });
        self.post("/admin/users", &body).await.ok().text("id").to_owned()
    }

    /// Creates a public client.
    pub(crate) async fn add_app(&self, id: &str, policy: &Value) {
        let body = json!({ "id": id, "name": id, "confidential": false, "policy": policy });
        self.post("/admin/clients", &body).await.ok();
    }

    /// Creates a confidential client and returns its secret.
    pub(crate) async fn add_confidential(&self, id: &str, policy: &Value) -> String {
        let body = json!({ "id": id, "name": id, "confidential": true, "policy": policy });
        self.post("/admin/clients", &body).await.ok().text("client_secret").to_owned()
    }

    /// Sends JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    /// Sends anything.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let headers = [("authorization", self.authorization.as_str())];
        self.site.json(method, path, body, &headers).await.expect("it answers")
    }

    /// What the server knows about a token.
    pub(crate) async fn introspect(&self, token: &str) -> Answer {
        let headers = [("authorization", self.authorization.as_str())];
        let form = [("token", token)];
        self.site.form("/introspect", &form, &headers).await.expect("it answers")
    }

    /// Whether the server says that a token is good.
    pub(crate) async fn is_active(&self, token: &str) -> bool {
        let answer = self.introspect(token).await.ok();
        answer.body["active"].as_bool().expect("RFC 7662 section 2.2")
    }

    /// The rules appended after a position, and the position of the last one.
    pub(crate) async fn log_after(&self, position: u64) -> (Vec<Value>, u64) {
        let path = format!("/admin/revocations?limit=1000&after={position}");
        let answer = self.send(Method::GET, &path, &Value::Null).await.ok();
        let entries = answer.body["revocations"].as_array().expect("a list").clone();
        (entries, answer.number("/head"))
    }

    /// Where the log ends.
    pub(crate) async fn position(&self) -> u64 {
        self.log_after(u64::from(u32::MAX)).await.1
    }

    /// What every request of the operator carries.
    pub(crate) fn authorization(&self) -> &str {
        &self.authorization
    }

    /// Disables a user.
    pub(crate) async fn disable_user(&self, user: &str) -> Answer {
        self.post(&format!("/admin/users/{user}/disable"), &Value::Null).await
    }

    /// Disables a client.
    pub(crate) async fn disable_client(&self, client: &str) -> Answer {
        self.post(&format!("/admin/clients/{client}/disable"), &Value::Null).await
    }

    /// Ends one session.
    pub(crate) async fn end_session(&self, session: &str) -> Answer {
        self.send(Method::DELETE, &format!("/admin/sessions/{session}"), &Value::Null).await
    }

    /// Ends every session of a user.
    pub(crate) async fn end_sessions_of(&self, user: &str) -> Answer {
        self.send(Method::DELETE, &format!("/admin/users/{user}/sessions"), &Value::Null).await
    }

    /// Changes what a user may do.
    pub(crate) async fn change_roles(&self, user: &str, roles: &[&str]) -> Answer {
        let path = format!("/admin/users/{user}");
        self.send(Method::PATCH, &path, &json!({ "roles": roles })).await
    }

    /// Kills every access token issued until now.
    pub(crate) async fn revoke_all(&self) -> Answer {
        self.post("/admin/revocations", &json!({ "kind": "all_before" })).await
    }

    /// Withdraws the key that signs ES256 now.
    pub(crate) async fn revoke_active_key(&self) -> Answer {
        let answer = self.send(Method::GET, "/admin/keys", &Value::Null).await.ok();
        let keys = answer.body["keys"].as_array().expect("a list").clone();
        let signs = |key: &&Value| key["state"] == "active" && key["algorithm"] == "ES256";
        let id = keys.iter().find(signs).expect("one key signs")["id"].as_str().expect("a name");
        self.post(&format!("/admin/keys/{id}/revoke"), &Value::Null).await
    }
}
