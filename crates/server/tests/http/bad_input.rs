//! What no client should send, sent to every OAuth endpoint: the right error, and never a 500.

use std::fmt::Write as _;

use crate::harness::{Call, Server};

const POST_ENDPOINTS: [&str; 4] = ["/authorize-challenge", "/token", "/revoke", "/introspect"];
const FORM: &str = "application/x-www-form-urlencoded";

async fn line(table: &mut String, case: &str, call: Call) {
    let answer = call.send().await;
    assert!(answer.status < 500, "{case}: {}", answer.print());
    let _ = writeln!(table, "{case}: {} {}", answer.verdict(), answer.header("allow"));
}

#[tokio::test]
async fn a_body_that_is_no_form() {
    let server = Server::with_ada().await;
    let mut table = String::new();
    let many = (0..65).map(|n| format!("p{n}")).collect::<Vec<_>>().join("&");
    for path in POST_ENDPOINTS {
        let call = || server.call("POST", path);
        let long = format!("client_id=app&x={}", "x".repeat(65 * 1024));
        let cases = [
            ("no type, no body", call()),
            ("JSON", call().raw("application/json", "{}")),
            ("multipart", call().raw("multipart/form-data; boundary=x", "--x--")),
            ("two types", call().header("content-type", FORM).raw(FORM, "client_id=app")),
            ("too long", call().raw(FORM, long)),
            ("twice", call().raw(FORM, "client_id=app&client_id=app")),
            ("twice, once escaped", call().raw(FORM, "client_id=app&client%5Fid=app")),
            ("twice, once empty", call().raw(FORM, "client_id=app&client_id=")),
            ("not UTF-8", call().raw(FORM, b"client_id=app&x=\xff".to_vec())),
            ("escaped, not UTF-8", call().raw(FORM, "client_id=app&x=%ff")),
            ("a broken escape", call().raw(FORM, "client_id=app&x=%")),
            ("too many", call().raw(FORM, many.clone())),
            ("empty", call().raw(FORM, "")),
            ("only separators", call().raw(FORM, "&&&==&=&")),
            ("a byte of zero", call().raw(FORM, "client_id=app%00")),
            ("a type with a charset", call().raw(&format!("{FORM}; charset=utf-8"), "x=y")),
        ];
        for (case, call) in cases {
            line(&mut table, &format!("{path} {case}"), call).await;
        }
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_method_that_is_not_answered() {
    let server = Server::with_ada().await;
    let mut table = String::new();
    let gets = ["/jwks", "/.well-known/oauth-authorization-server", "/userinfo"];
    for path in POST_ENDPOINTS.into_iter().chain(gets) {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
            let is_right = (method == "POST") == POST_ENDPOINTS.contains(&path)
                && ["GET", "HEAD", "POST"].contains(&method);
            if !is_right && (path != "/userinfo" || method != "POST") {
                line(&mut table, &format!("{method} {path}"), server.call(method, path)).await;
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_grant_type_that_is_not_ours() {
    let server = Server::with_ada().await;
    let mut table = String::new();
    for grant_type in ["", "password", "implicit", "AUTHORIZATION_CODE", "refresh_token "] {
        let form = [("client_id", "app"), ("grant_type", grant_type)];
        let call = server.call("POST", "/token").form(&form);
        line(&mut table, &format!("{grant_type:?}"), call).await;
    }
    for grant_type in ["authorization_code", "refresh_token"] {
        let form = [("client_id", "app"), ("grant_type", grant_type)];
        let call = server.call("POST", "/token").form(&form);
        line(&mut table, &format!("{grant_type} and nothing else"), call).await;
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn parameters_nobody_knows_are_passed_over() {
    let server = Server::with_ada().await;
    let mut form = crate::harness::sign_in_form("app").to_vec();
    form.push(("something_new", "1"));
    assert_eq!(server.post("/authorize-challenge", &form).await.status, 200);
}

#[tokio::test]
async fn a_header_that_is_no_text() {
    let server = Server::with_ada().await;
    let mut table = String::new();
    for name in ["authorization", "dpop", "x-forwarded-for", "idempotency-key", "content-type"] {
        let form = [("client_id", "app"), ("grant_type", "refresh_token"), ("refresh_token", "x")];
        let call = server.call("POST", "/token").header(name, b"\xff\xfe").form(&form);
        line(&mut table, name, call).await;
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_logout_that_is_no_form_is_told_so() {
    let server = Server::with_ada().await;
    let call = server.call("POST", "/account/logout").raw("application/json", "{}");
    let answer = call.send().await;
    assert_eq!(answer.verdict(), "415 unsupported-media-type");
    assert!(answer.text("detail").ends_with("application/x-www-form-urlencoded"));
}

#[tokio::test]
async fn an_unknown_path_is_a_page_for_people_and_a_document_for_programs() {
    let server = Server::start().await;
    let page = server.call("GET", "/nowhere").header("accept", "text/html,*/*;q=0.8").send().await;
    assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    let document = server.call("GET", "/nowhere").send().await;
    assert_eq!(document.verdict(), "404 not-found");
}
