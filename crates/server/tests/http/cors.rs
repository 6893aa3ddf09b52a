//! What scripts of other sites may call, and what they may not.

use menshen_domain::Client;

use crate::harness::{Answer, Server, refresh_form, sign_in_form};

const SITE: &str = "https://spa.example";

/// Where scripts of any site are welcome.
const OPEN: [(&str, &str); 12] = [
    ("GET", "/.well-known/openid-configuration"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/jwks"),
    ("POST", "/par"),
    ("POST", "/token"),
    ("POST", "/revoke"),
    ("GET", "/userinfo"),
    ("POST", "/account/logout"),
    ("POST", "/account/password"),
    ("GET", "/account/events"),
    ("GET", "/account/sessions"),
    ("DELETE", "/account/sessions/x"),
];

async fn preflight(server: &Server, method: &str, path: &str) -> Answer {
    let call = server.call("OPTIONS", path).header("origin", SITE);
    let call = call.header("access-control-request-method", method);
    let headers = "authorization,content-type,dpop,idempotency-key,prefer";
    call.header("access-control-request-headers", headers).send().await
}

#[tokio::test]
async fn scripts_may_call_what_takes_no_cookies() {
    let server = Server::with_ada().await;
    for (method, path) in OPEN {
        let answer = preflight(&server, method, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        let methods = answer.header("access-control-allow-methods");
        assert!(methods.split(',').any(|allowed| allowed == method), "{path} {methods}");
        let headers = answer.header("access-control-allow-headers");
        for name in ["authorization", "content-type", "dpop", "idempotency-key", "prefer"] {
            assert!(headers.split(',').any(|allowed| allowed == name), "{path} {headers}");
        }
        let answer = server.call(method, path).header("origin", SITE).send().await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        let exposed = answer.header("access-control-expose-headers");
        for name in ["dpop-nonce", "www-authenticate", "retry-after", "preference-applied"] {
            assert!(exposed.split(',').any(|shown| shown == name), "{path} {exposed}");
        }
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
    }
}

#[tokio::test]
async fn scripts_of_other_sites_cannot_read_pages() {
    let server = Server::with_ada().await;
    let pages = [
        ("GET", "/authorize"),
        ("POST", "/authorize"),
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("POST", "/sign-in/other"),
        ("POST", "/sign-in/chosen"),
        ("POST", "/consent"),
        ("POST", "/authorize-challenge"),
        ("GET", "/account"),
        ("POST", "/introspect"),
        ("GET", "/admin/users"),
        ("GET", "/feed"),
        ("GET", "/nowhere"),
    ];
    for (method, path) in pages {
        let asked = preflight(&server, method, path).await;
        let called = server.call(method, path).header("origin", SITE).send().await;
        for answer in [asked, called] {
            assert!(answer.status != 204, "{path}");
            for name in answer.headers.keys() {
                assert!(!name.as_str().starts_with("access-control-"), "{path} {name}");
            }
        }
    }
}

#[tokio::test]
async fn what_goes_wrong_can_be_read_too() {
    let server = Server::with_ada().await;
    let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", "x")];
    let call = server.call("POST", "/token").header("origin", SITE).form(&form);
    let answer = call.send().await;
    assert_eq!(answer.verdict(), "400 invalid_grant");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    server.app.store.clone().close().await;
    let tokens = server.call("GET", "/userinfo").header("origin", SITE).bearer("mat_").send().await;
    assert_eq!(tokens.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn a_script_can_tell_not_now_from_gone() {
    let server = Server::with_ada().await;
    let tokens = server.sign_in().await;
    let call = |method, path| server.call(method, path).header("origin", SITE);
    server.post("/account/logout", &[("token", &tokens.refresh)]).await;
    let form = refresh_form("app", &tokens.refresh);
    let gone = call("POST", "/token").header("idempotency-key", "k").form(&form).send().await;
    assert_eq!(gone.verdict(), "400 invalid_grant logout");
    let refused = call("GET", "/account/sessions").bearer(&tokens.access).send().await;
    assert!(refused.header("www-authenticate").contains("invalid_token"));
    server.app.store.clone().close().await;
    let held = "mrt_aaaaaaaa.x.0.y.z";
    let calls = [
        call("POST", "/token").form(&form),
        call("POST", "/revoke").form(&[("client_id", "app"), ("token", tokens.refresh.as_str())]),
        call("POST", "/account/logout").form(&[("token", tokens.refresh.as_str())]),
        call("GET", "/account/events").bearer(&tokens.access),
    ];
    for call in calls {
        let answer = call.send().await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{}", answer.body);
        let exposed = answer.header("access-control-expose-headers");
        assert!(exposed.contains("retry-after") && exposed.contains("www-authenticate"));
    }
    let junk = call("POST", "/account/logout").form(&[("token", held)]).send().await;
    assert_eq!(junk.verdict(), "400 invalid-request", "no outage, for it needs no look");
}

#[tokio::test]
async fn a_sign_in_screen_in_a_browser_reads_its_answer_on_its_own_site_alone() {
    let server = Server::with_ada().await;
    let on_site = |client: &mut Client| {
        client.policy.first_party = true;
        client.metadata.redirect_uris =
            vec![format!("{SITE}/callback"), "com.example.app:/callback".to_owned()];
    };
    server.register("screen", on_site).await;
    let (right, mut wrong) = (sign_in_form("screen"), sign_in_form("screen"));
    wrong[2].1 = "wrong";
    let elsewhere =
        ["https://spa.example:8443", "http://spa.example", "https://evil.example", "null"];
    for site in elsewhere.into_iter().chain([SITE]) {
        for form in [&right, &wrong] {
            let call = server.call("POST", "/authorize-challenge").header("origin", site);
            let answer = call.form(form).send().await;
            let own = if site == SITE { SITE } else { "" };
            assert_eq!(answer.header("access-control-allow-origin"), own, "{site}");
            assert_eq!(answer.header("access-control-allow-credentials"), "", "{site}");
        }
    }
}
