//! What the server says about itself.

use crate::harness::Server;

#[tokio::test]
async fn the_metadata_names_what_is_there() {
    let server = Server::start().await;
    let answer = server.call("GET", "/.well-known/oauth-authorization-server").send().await;
    insta::assert_snapshot!(answer.print());
    let openid = server.call("GET", "/.well-known/openid-configuration").send().await;
    assert_eq!(openid.json(), answer.json(), "one document under two names");
    // Each endpoint named is answered by something that knows its own methods.
    for (name, value) in answer.json().as_object().expect("an object") {
        let url = value.as_str().unwrap_or_default();
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let path = url.strip_prefix("https://id.example").expect("under the issuer");
            let method = if name == "jwks_uri" { "GET" } else { "POST" };
            assert_ne!(server.call(method, path).send().await.status, 404, "{name}");
        }
    }
}

#[tokio::test]
async fn the_key_set_holds_the_keys_that_tokens_are_signed_with() {
    let server = Server::with_ada().await;
    let access = server.sign_in().await.access;
    let answer = server.call("GET", "/jwks").send().await;
    assert_eq!(answer.header("cache-control"), "public, max-age=3600");
    let keys = menshen_token::KeySet::from_json(answer.body.as_bytes()).expect("a JWK set");
    menshen_token::authenticate(&access, &keys).expect("signed by one of them");
    let forbidden = ["\"d\"", "\"p\"", "\"q\"", "\"k\""];
    assert!(forbidden.iter().all(|member| !answer.body.contains(member)));
}
