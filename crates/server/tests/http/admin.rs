//! The admin API: users, clients, sessions, revocations and keys, by calls that only an
//! administrator may make.

use serde_json::{Value, json};

use crate::account::sign_in_as;
use crate::harness::{Answer, Call, PASSWORD, SECRET, Server, claims, sign_in_form};

struct Admin {
    server: Server,
    token: String,
}

impl Admin {
    async fn start() -> Self {
        let server = Server::with_ada().await;
        server
            .add_confidential("ops", |policy| {
                policy.scope = "admin revocations:read".parse().expect("a scope");
            })
            .await;
        let call = server.call("POST", "/token").basic("ops", SECRET);
        let answer = call.form(&[("grant_type", "client_credentials")]).send().await;
        Self { token: answer.text("access_token"), server }
    }

    fn call(&self, method: &str, path: &str) -> Call {
        self.server.call(method, path).bearer(&self.token)
    }

    async fn send(&self, method: &str, path: &str) -> Answer {
        self.call(method, path).send().await
    }

    async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.call(method, path).raw("application/json", body.to_string()).send().await
    }
}

#[tokio::test]
async fn a_user_is_created_changed_disabled_and_enabled() {
    let admin = Admin::start().await;
    let new = json!({
        "username": " Grace ", "password": PASSWORD, "roles": ["a"], "claims": { "team": 7 },
    });
    let created = admin.json("POST", "/admin/users", &new).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.json()["username"], json!("grace"));
    assert!(!created.body.contains("argon2") && !created.body.contains(PASSWORD));
    let path = format!("/admin/users/{}", created.text("id"));
    let taken = admin.json("POST", "/admin/users", &json!({ "username": "GRACE" })).await;
    assert_eq!(taken.verdict(), "409 conflict");

    let tokens = sign_in_as(&admin.server, "grace").await;
    assert_eq!(claims(&tokens.access)["team"], json!(7));
    let changed = admin.json("PATCH", &path, &json!({ "roles": ["b"] })).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(admin.server.userinfo(&tokens.access).await.status, 401);
    let renewed = admin.server.refresh(&tokens.refresh).await.tokens();
    assert_eq!(claims(&renewed.access)["roles"], json!(["b"]));
    assert_eq!(claims(&renewed.access)["team"], json!(7));

    let disabled = admin.send("POST", &format!("{path}/disable")).await;
    assert_eq!(disabled.json()["ended"], json!({ "sessions": 1, "grants": 1 }));
    let verdict = admin.server.refresh(&renewed.refresh).await.verdict();
    assert_eq!(verdict, "400 invalid_grant user_disabled");
    assert!(admin.send("GET", &path).await.json()["disabled_at"].is_string());
    assert_eq!(admin.send("POST", &format!("{path}/enable")).await.status, 204);
    assert_eq!(admin.send("GET", &path).await.json()["disabled_at"], Value::Null);
    sign_in_as(&admin.server, "grace").await;
}

#[tokio::test]
async fn a_password_set_by_an_administrator_signs_the_user_out() {
    let admin = Admin::start().await;
    let tokens = admin.server.sign_in().await;
    let body = json!({ "password": "a quite new one" });
    let set = admin.json("PUT", "/admin/users/user-ada/password", &body).await;
    assert_eq!(set.json()["ended"]["sessions"], json!(1), "{}", set.body);
    assert_eq!(admin.server.userinfo(&tokens.access).await.status, 401);
    let old = admin.server.post("/authorize-challenge", &sign_in_form("app")).await;
    assert_eq!(old.verdict(), "400 access_denied");
}

#[tokio::test]
async fn users_and_clients_come_in_pages() {
    let admin = Admin::start().await;
    for name in ["b", "c", "d"] {
        admin.server.add_user(name).await;
        admin.server.add_app(name, |_| ()).await;
    }
    for (list, expected) in [("users", 4), ("clients", 5)] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = admin.send("GET", &format!("/admin/{list}?limit=2{after}")).await.json();
            let ids = page[list].as_array().expect("a list").iter();
            seen.extend(ids.map(|one| one["id"].as_str().expect("an id").to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert!(seen.is_sorted());
        assert_eq!(seen.len(), expected, "{list}");
    }
}

#[tokio::test]
async fn a_client_is_created_with_a_secret_that_is_shown_once() {
    let admin = Admin::start().await;
    let new = json!({
        "id": "service", "name": "A service", "confidential": true,
        "policy": { "scope": "things:read", "algorithm": "PS256", "sessions": { "limit": 3 } },
    });
    let created = admin.json("POST", "/admin/clients", &new).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.header("cache-control"), "no-store");
    let secret = created.text("client_secret");
    assert_eq!(secret.len(), 43);
    let found = admin.send("GET", "/admin/clients/service").await;
    assert_eq!(found.json()["policy"]["sessions"], json!({ "limit": 3 }));
    assert!(!found.body.contains("secret"), "{}", found.body);
    assert_eq!(admin.json("POST", "/admin/clients", &new).await.verdict(), "409 conflict");

    // Its algorithm had no key until now.
    let token = |secret: String| {
        let call = admin.server.call("POST", "/token").basic("service", &secret);
        call.form(&[("grant_type", "client_credentials")]).send()
    };
    assert_eq!(token(secret.clone()).await.status, 200);
    let replaced = admin.send("POST", "/admin/clients/service/secret").await;
    assert_eq!(token(secret).await.verdict(), "401 invalid_client");
    let current = replaced.text("client_secret");
    assert_eq!(token(current.clone()).await.status, 200);
    assert_eq!(admin.send("POST", "/admin/clients/service/disable").await.status, 200);
    assert_eq!(token(current.clone()).await.verdict(), "401 invalid_client");
    assert_eq!(admin.send("POST", "/admin/clients/service/enable").await.status, 204);
    assert_eq!(token(current).await.status, 200);
}

#[tokio::test]
async fn a_changed_policy_applies_to_the_next_session() {
    let admin = Admin::start().await;
    let policy = json!({
        "policy": {
            "first_party": true, "scope": "openid", "algorithm": "EdDSA",
            "access_token_lifetime_ms": 60_000,
        },
    });
    let changed = admin.json("PATCH", "/admin/clients/app", &policy).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let said = claims(&admin.server.sign_in().await.access);
    assert_eq!(said["scope"], json!("openid"));
    assert!(said["exp"].as_i64().expect("a time") - said["iat"].as_i64().expect("a time") <= 60);
}

#[tokio::test]
async fn what_a_client_says_about_itself_is_checked_with_what_it_may_do() {
    let admin = Admin::start().await;
    let new = |metadata: Value| json!({ "id": "web", "name": "Web", "metadata": metadata });
    for (metadata, finding) in [
        (json!({ "redirect_uris": ["http://app.example/cb"] }), "redirect_uris"),
        (json!({ "response_types": ["id_token"], "grant_types": ["implicit"] }), "legacy_grants"),
        (json!({ "token_endpoint_auth_method": "private_key_jwt" }), "jwks"),
        (json!({ "id_token_signed_response_alg": "HS256" }), "HS256"),
    ] {
        let refused = admin.json("POST", "/admin/clients", &new(metadata)).await;
        assert_eq!(refused.verdict(), "400 invalid-request");
        assert!(refused.text("detail").contains(finding), "{}", refused.body);
    }
    let sound = json!({ "redirect_uris": ["https://app.example/cb"], "subject_type": "pairwise" });
    let created = admin.json("POST", "/admin/clients", &new(sound)).await;
    assert_eq!(created.status, 201, "{}", created.body);
    for change in [
        json!({ "policy": { "scope": "openid account" } }),
        json!({ "metadata": { "redirect_uris": ["javascript:alert(1)"] } }),
    ] {
        let refused = admin.json("PATCH", "/admin/clients/web", &change).await;
        assert_eq!(refused.verdict(), "400 invalid-request", "{change}");
    }
    let both = json!({ "policy": { "scope": "openid account" }, "metadata": {} });
    assert_eq!(admin.json("PATCH", "/admin/clients/web", &both).await.status, 200);
}

#[tokio::test]
async fn a_client_that_signs_with_its_secret_has_it_kept_sealed() {
    let admin = Admin::start().await;
    let by = |method: &str| json!({ "token_endpoint_auth_method": method });
    for (id, method, has_secret, is_sealed) in [
        ("signs", "client_secret_jwt", true, true),
        ("sends", "client_secret_post", true, false),
        ("names", "none", false, false),
    ] {
        let new = json!({ "id": id, "name": id, "metadata": by(method) });
        let created = admin.json("POST", "/admin/clients", &new).await;
        assert_eq!(created.json()["client_secret"].is_string(), has_secret, "{}", created.body);
        let known = admin.server.app.store.find_client(&id.parse().expect("an id")).await;
        let known = known.expect("read").expect("there");
        assert_eq!(known.sealed_secret.is_some(), is_sealed, "{id}");
        assert!(!created.body.contains("sealed"), "{}", created.body);
    }
    let replaced = admin.send("POST", "/admin/clients/signs/secret").await.text("client_secret");
    let id = "signs".parse().expect("an id");
    let known = admin.server.app.store.find_client(&id).await.expect("read").expect("there");
    let sealed = known.sealed_secret.expect("kept");
    let unsealed = admin.server.app.keyring.unseal_secret(&id, &sealed).expect("ours");
    assert_eq!(unsealed.as_slice(), replaced.as_bytes());
    let odd = json!({ "id": "odd", "name": "x", "confidential": true, "metadata": by("none") });
    let refused = admin.json("POST", "/admin/clients", &odd).await;
    assert_eq!(refused.verdict(), "400 invalid-request");
}

#[tokio::test]
async fn a_disabled_client_loses_everything_it_was_allowed() {
    let admin = Admin::start().await;
    let tokens = admin.server.sign_in().await;
    let ended = admin.send("POST", "/admin/clients/app/disable").await;
    assert_eq!(ended.json()["ended"], json!({ "sessions": 1, "grants": 1 }), "{}", ended.body);
    assert_eq!(admin.server.userinfo(&tokens.access).await.status, 401);
    assert_eq!(admin.server.refresh(&tokens.refresh).await.verdict(), "401 invalid_client");
}

#[tokio::test]
async fn sessions_are_seen_and_ended() {
    let admin = Admin::start().await;
    let (phone, tablet) = (admin.server.sign_in().await, admin.server.sign_in().await);
    let list = admin.send("GET", "/admin/users/user-ada/sessions").await;
    assert_eq!(list.json()["sessions"].as_array().map(Vec::len), Some(2), "{}", list.body);
    let phone_id = claims(&phone.access)["sid"].as_str().expect("a session").to_owned();
    let path = format!("/admin/sessions/{phone_id}");
    assert_eq!(admin.send("DELETE", &path).await.json()["ended"]["sessions"], json!(1));
    assert_eq!(admin.send("DELETE", &path).await.json()["ended"]["sessions"], json!(0));
    assert_eq!(admin.send("GET", &path).await.text("ended_reason"), "admin");
    assert_eq!(admin.server.refresh(&phone.refresh).await.verdict(), "400 invalid_grant admin");
    assert_eq!(admin.server.userinfo(&tablet.access).await.status, 200);
    let all = admin.send("DELETE", "/admin/users/user-ada/sessions").await;
    assert_eq!(all.json()["ended"], json!({ "sessions": 1, "grants": 1 }));
    assert_eq!(admin.server.userinfo(&tablet.access).await.status, 401);
}

#[tokio::test]
async fn who_was_told_of_a_logout_is_seen() {
    let admin = Admin::start().await;
    let change = json!({ "metadata": { "backchannel_logout_uri": "https://app.example/logout" } });
    assert_eq!(admin.json("PATCH", "/admin/clients/app", &change).await.status, 200);
    let mut paths = Vec::new();
    for _ in 0..2 {
        let sid = claims(&admin.server.sign_in().await.access)["sid"].clone();
        let path = format!("/admin/sessions/{}", sid.as_str().expect("an id"));
        let none = admin.send("GET", &format!("{path}/deliveries")).await;
        assert_eq!(none.json(), json!({ "deliveries": [], "next": null }));
        let ended = admin.send("DELETE", &path).await;
        let told = json!([{ "client_id": "app", "state": "queued" }]);
        assert_eq!(ended.json()["backchannel"], told, "{}", ended.body);
        paths.push(path);
    }
    let one = admin.send("GET", &format!("{}/deliveries", paths[0])).await.json();
    let delivery = &one["deliveries"][0];
    assert_eq!(paths[0], format!("/admin/sessions/{}", delivery["session_id"].as_str().unwrap()));
    assert_eq!(delivery["client_id"], "app");
    assert_eq!(delivery["subject"], "user-ada");
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("queued"), &json!(0)));
    assert!(delivery["due_at"].is_string() && delivery["finished_at"].is_null());

    let first = admin.send("GET", "/admin/deliveries?state=queued&limit=1").await.json();
    let next = first["next"].as_str().expect("there is more");
    let second = admin.send("GET", &format!("/admin/deliveries?limit=1&after={next}")).await.json();
    assert_ne!(first["deliveries"], second["deliveries"]);
    let none = admin.send("GET", "/admin/deliveries?state=delivered").await;
    assert_eq!(none.json()["deliveries"], json!([]));
    let unknown = admin.send("GET", "/admin/deliveries?state=sent").await;
    assert_eq!(unknown.verdict(), "400 invalid-request");
    let nobody = admin.send("GET", "/admin/sessions/AAAAAAAAAAAAAAAAAAAAAA/deliveries").await;
    assert_eq!(nobody.verdict(), "404 not-found");
    for path in ["/admin/deliveries", "/admin/sessions/AAAAAAAAAAAAAAAAAAAAAA/deliveries"] {
        assert_eq!(admin.server.call("GET", path).send().await.status, 401);
    }
}

#[tokio::test]
async fn one_token_is_revoked_and_the_log_says_so() {
    let admin = Admin::start().await;
    let tokens = admin.server.sign_in().await;
    let jti = claims(&tokens.access)["jti"].clone();
    let body = json!({ "kind": "jti", "value": jti });
    let revoked = admin.json("POST", "/admin/revocations", &body).await;
    assert_eq!(revoked.json()["position"], json!(1), "{}", revoked.body);
    assert_eq!(admin.server.userinfo(&tokens.access).await.status, 401);
    admin.server.refresh(&tokens.refresh).await.tokens();
    let log = admin.send("GET", "/admin/revocations").await.json();
    assert_eq!(log["head"], json!(1));
    assert_eq!(log["revocations"][0]["kind"], json!("jti"));
    assert_eq!(log["revocations"][0]["value"], jti);
    let rest = admin.send("GET", "/admin/revocations?after=1").await.json();
    assert_eq!(rest["revocations"], json!([]));
}

#[tokio::test]
async fn all_tokens_before_an_instant_are_revoked_and_sessions_renew_theirs() {
    let admin = Admin::start().await;
    let tokens = admin.server.sign_in().await;
    admin.server.advance(std::time::Duration::from_millis(1));
    let revoked = admin.json("POST", "/admin/revocations", &json!({ "kind": "all_before" })).await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    assert_eq!(admin.server.userinfo(&tokens.access).await.status, 401);
    assert_eq!(admin.send("GET", "/admin/keys").await.verdict(), "401 invalid-token");
    let renewed = admin.server.refresh(&tokens.refresh).await.tokens();
    assert_eq!(admin.server.userinfo(&renewed.access).await.status, 200);
}

#[tokio::test]
async fn a_rotated_key_is_announced_and_a_revoked_one_is_gone() {
    let admin = Admin::start().await;
    let states = || async {
        let keys = admin.send("GET", "/admin/keys").await.json()["keys"].clone();
        let mut states: Vec<(String, String)> = keys
            .as_array()
            .expect("a list")
            .iter()
            .filter(|key| key["algorithm"] == json!("ES256"))
            .map(|key| (key["state"].to_string(), key["id"].as_str().expect("an id").to_owned()))
            .collect();
        states.sort();
        states
    };
    let before = states().await;
    assert_eq!(before.len(), 1);
    let rotate = json!({ "algorithm": "ES256" });
    assert_eq!(admin.json("POST", "/admin/keys/rotate", &rotate).await.status, 204);
    assert_eq!(admin.json("POST", "/admin/keys/rotate", &rotate).await.status, 204);
    let (during, active) = (states().await, &before[0].1);
    assert_eq!(during.len(), 2, "rotating twice announces one key: {during:?}");
    assert!(admin.server.call("GET", "/jwks").send().await.body.contains(active.as_str()));
    let revoked = admin.send("POST", &format!("/admin/keys/{active}/revoke")).await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    let jwks = admin.server.call("GET", "/jwks").send().await.body;
    assert!(!jwks.contains(active.as_str()), "{jwks}");
    assert!(states().await.iter().any(|(state, _)| state == "\"active\""));
    assert_eq!(admin.send("POST", "/admin/keys/nobody/revoke").await.verdict(), "404 not-found");
}

#[tokio::test]
async fn the_admin_api_is_for_administrators() {
    let admin = Admin::start().await;
    let ada = admin.server.sign_in().await.access;
    for (method, path) in [
        ("GET", "/admin/users"),
        ("POST", "/admin/users"),
        ("GET", "/admin/users/x"),
        ("PATCH", "/admin/users/x"),
        ("PUT", "/admin/users/x/password"),
        ("POST", "/admin/users/x/disable"),
        ("POST", "/admin/users/x/enable"),
        ("GET", "/admin/users/x/sessions"),
        ("DELETE", "/admin/users/x/sessions"),
        ("GET", "/admin/sessions/x"),
        ("DELETE", "/admin/sessions/x"),
        ("GET", "/admin/clients"),
        ("POST", "/admin/clients"),
        ("GET", "/admin/clients/x"),
        ("PATCH", "/admin/clients/x"),
        ("POST", "/admin/clients/x/secret"),
        ("POST", "/admin/clients/x/disable"),
        ("POST", "/admin/clients/x/enable"),
        ("GET", "/admin/revocations"),
        ("POST", "/admin/revocations"),
        ("GET", "/admin/keys"),
        ("POST", "/admin/keys/rotate"),
        ("POST", "/admin/keys/x/revoke"),
    ] {
        let call = || admin.server.call(method, path);
        assert_eq!(call().send().await.verdict(), "401 missing-token", "{method} {path}");
        let forbidden = call().bearer(&ada).send().await;
        assert_eq!(forbidden.verdict(), "403 insufficient-scope", "{method} {path}");
        assert_eq!(forbidden.header("cache-control"), "no-store", "{method} {path}");
        let wrong = admin.server.call("TRACE", path).bearer(&admin.token).send().await;
        assert_eq!(wrong.verdict(), "405 method-not-allowed", "{path}");
        assert!(wrong.header("allow").contains(method), "{path}: {}", wrong.header("allow"));
    }
    let description = admin.server.call("GET", "/admin/openapi.json").send().await;
    assert_eq!(description.json()["openapi"], json!("3.1.0"));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let admin = Admin::start().await;
    let users = [
        json!({}),
        json!({ "username": "" }),
        json!({ "username": "x", "passwort": "y" }),
        json!({ "username": "x", "password": "short" }),
        json!({ "username": "x", "roles": [""] }),
        json!({ "username": "x", "claims": { "sub": "y" } }),
        json!({ "username": "x", "claims": { "big": "y".repeat(5_000) } }),
        json!({ "username": 7 }),
    ];
    let clients = [
        json!({ "id": "x" }),
        json!({ "id": "two words", "name": "x" }),
        json!({ "id": "x", "name": " " }),
        json!({ "id": "x", "name": "x", "policy": { "scopes": "a" } }),
        json!({ "id": "x", "name": "x", "policy": { "scope": "a\"b" } }),
        json!({ "id": "x", "name": "x", "policy": { "algorithm": "HS256" } }),
        json!({ "id": "x", "name": "x", "policy": { "algorithm": "none" } }),
        json!({ "id": "x", "name": "x", "policy": { "access_token_lifetime_ms": 0 } }),
        json!({ "id": "x", "name": "x", "policy": { "retry_window_ms": 14_999 } }),
        json!({ "id": "x", "name": "x", "policy": { "sessions": { "limit": 0 } } }),
        json!({ "id": "x", "name": "x", "policy": { "audience": [""] } }),
    ];
    let revocations = [
        json!({ "kind": "jti" }),
        json!({ "kind": "jti", "value": "short" }),
        json!({ "kind": "sid", "value": "AAAAAAAAAAAAAAAAAAAAAA" }),
        json!({ "kind": "all_before", "before_ms": 9_000_000_000_000_i64 }),
    ];
    let tables = [
        ("/admin/users", &users[..]),
        ("/admin/clients", &clients),
        ("/admin/revocations", &revocations),
        ("/admin/keys/rotate", &[json!({ "algorithm": "HS256" })]),
    ];
    for (path, bodies) in tables {
        for body in bodies {
            let answer = admin.json("POST", path, body).await;
            assert_eq!(answer.verdict(), "400 invalid-request", "{path} {body}");
        }
        let post = || admin.call("POST", path);
        assert_eq!(post().send().await.verdict(), "415 unsupported-media-type", "{path}");
        let text = post().raw("text/plain", "{}").send().await;
        assert_eq!(text.verdict(), "415 unsupported-media-type", "{path}");
        for broken in ["", "{", "\u{feff}{}", "null", "{\"username\":\"x\",\"username\":\"y\"}"] {
            let answer = post().raw("application/json", broken).send().await;
            assert_eq!(answer.verdict(), "400 invalid-request", "{path} {broken:?}");
        }
        let long = format!("{{\"name\":\"{}\"}}", "x".repeat(70_000));
        let answer = post().raw("application/json; charset=utf-8", long).send().await;
        assert_eq!(answer.verdict(), "413 too-large", "{path}");
    }
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_refused() {
    let admin = Admin::start().await;
    for path in ["/admin/users/nobody", "/admin/clients/nobody", "/admin/sessions/nobody"] {
        assert_eq!(admin.send("GET", path).await.verdict(), "404 not-found", "{path}");
    }
    for path in [
        "/admin/users?limit=0",
        "/admin/revocations?after=-1",
        "/admin/clients?x=1",
        "/admin/users/%ff",
    ] {
        assert_eq!(admin.send("GET", path).await.verdict(), "400 invalid-request", "{path}");
    }
}
