//! Codes in wrong hands: without the verifier, in another session, at another client, under another
//! key, from another provider.

use std::time::Duration;

use serde_json::json;

use crate::authorize::{CALLBACK, add_web, come_back, request, with_web};
use crate::harness::{Answer, CHALLENGE, ISSUER, SECRET, Server, VERIFIER, claims};
use crate::proof::Device;
use crate::walk::{Walker, sent};

async fn redeem_as(server: &Server, client: &str, form: &[(&str, &str)]) -> Answer {
    let form = [&[("grant_type", "authorization_code")], form].concat();
    server.call("POST", "/token").basic(client, SECRET).form(&form).send().await
}

async fn code(server: &Server, extra: &[(&str, &str)]) -> String {
    let answer = come_back(&mut Walker::default(), server, &request(extra)).await;
    sent(&answer)["code"].clone()
}

#[tokio::test]
async fn a_challenge_cannot_be_talked_away() {
    let server = with_web().await;
    server.register("spa", |client| client.metadata.redirect_uris = vec![CALLBACK.into()]).await;
    let mut walker = Walker::default();
    for weak in [
        &[("code_challenge", ""), ("code_challenge_method", "")][..],
        &[("code_challenge", "")],
        &[("code_challenge_method", "plain")],
        &[("code_challenge_method", "")],
        &[("code_challenge_method", "s256")],
        &[("code_challenge_method", "S512")],
        &[("code_challenge", VERIFIER), ("code_challenge_method", "plain")],
        &[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=")],
    ] {
        let asked = [&[("client_id", "spa")], weak].concat();
        let answer = walker.get(&server, &request(&asked)).await;
        assert_eq!(sent(&answer)["error"], "invalid_request", "{weak:?}");
    }
    // One that authenticates may do without, but not by half.
    for weak in [&[("code_challenge", "")][..], &[("code_challenge_method", "plain")]] {
        let answer = walker.get(&server, &request(weak)).await;
        assert_eq!(sent(&answer)["error"], "invalid_request", "{weak:?}");
    }
}

#[tokio::test]
async fn a_verifier_and_a_challenge_come_together() {
    let server = with_web().await;
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    let bare = code(&server, &none).await;
    let at = ("redirect_uri", CALLBACK);
    let downgraded = [("code", bare.as_str()), at, ("code_verifier", VERIFIER)];
    assert_eq!(redeem_as(&server, "web", &downgraded).await.verdict(), "400 invalid_grant");
    assert_eq!(redeem_as(&server, "web", &[("code", &bare), at]).await.status, 200);
    let bound = code(&server, &[]).await;
    let other = "a".repeat(43);
    for wrong in ["", CHALLENGE, other.as_str()] {
        let form = [("code", bound.as_str()), at, ("code_verifier", wrong)];
        let answer = redeem_as(&server, "web", &form).await;
        assert_eq!(answer.verdict(), "400 invalid_grant", "{wrong}");
    }
    let good = [("code", bound.as_str()), at, ("code_verifier", VERIFIER)];
    assert_eq!(redeem_as(&server, "web", &good).await.status, 200, "the guesses spent nothing");
}

#[tokio::test]
async fn a_code_is_for_the_client_and_the_address_it_was_sent_to() {
    let server = with_web().await;
    add_web(&server, "other").await;
    let code = code(&server, &[]).await;
    let rest = [("code", code.as_str()), ("code_verifier", VERIFIER)];
    let at = |uri| [&rest[..], &[("redirect_uri", uri)]].concat();
    let elsewhere = "https://web.example/other";
    for (client, form) in [
        ("other", at(CALLBACK)),
        ("other", at(elsewhere)),
        ("web", at(elsewhere)),
        ("web", at("https://web.example/callback/")),
        ("web", rest.to_vec()),
    ] {
        let answer = redeem_as(&server, client, &form).await;
        assert_eq!(answer.verdict(), "400 invalid_grant", "{client} {form:?}");
        assert!(!answer.body.contains("reason"), "{}", answer.body);
    }
    assert_eq!(redeem_as(&server, "web", &at(CALLBACK)).await.status, 200);
    // A second time, at another client: nothing is ended by a stranger.
    let access = redeem_as(&server, "other", &at(CALLBACK)).await;
    assert_eq!(access.verdict(), "400 invalid_grant");
}

#[tokio::test]
async fn a_stranger_who_saw_a_code_cannot_end_what_it_opened() {
    let server = with_web().await;
    add_web(&server, "other").await;
    let code = code(&server, &[]).await;
    let form = [("code", code.as_str()), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    let access = redeem_as(&server, "web", &form).await.tokens().access;
    let guessed = "b".repeat(43);
    let wrong = [form[0], form[1], ("code_verifier", guessed.as_str())];
    redeem_as(&server, "other", &form).await;
    redeem_as(&server, "web", &wrong).await;
    assert_eq!(server.userinfo(&access).await.status, 200);
}

#[tokio::test]
async fn a_code_of_one_session_cannot_be_put_into_another() {
    let server = with_web().await;
    // The attacker's code, with the attacker's challenge, in the victim's browser: the app sends the
    // verifier and expects the nonce of the victim's request.
    let theirs = code(&server, &[]).await;
    let mine = "victim-verifier-victim-verifier-victim-veri";
    let form = [("code", theirs.as_str()), ("redirect_uri", CALLBACK), ("code_verifier", mine)];
    assert_eq!(redeem_as(&server, "web", &form).await.verdict(), "400 invalid_grant");
    let none = [("code_challenge", ""), ("code_challenge_method", ""), ("nonce", "theirs")];
    let theirs = code(&server, &none).await;
    let form = [("code", theirs.as_str()), ("redirect_uri", CALLBACK)];
    let tokens = redeem_as(&server, "web", &form).await;
    assert_eq!(claims(&tokens.text("id_token"))["nonce"], json!("theirs"), "so the app can tell");
}

#[tokio::test]
async fn a_code_dies_within_a_minute_and_with_its_session() {
    let server = with_web().await;
    let form = |code: &str| {
        let code = code.to_owned();
        let server = &server;
        async move {
            let form =
                [("code", code.as_str()), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
            redeem_as(server, "web", &form).await.verdict()
        }
    };
    let late = code(&server, &[]).await;
    server.advance(Duration::from_mins(1));
    assert_eq!(form(&late).await, "400 invalid_grant");
    let mut walker = Walker::default();
    let answer = come_back(&mut walker, &server, &request(&[])).await;
    let orphan = sent(&answer)["code"].clone();
    let page = walker.get(&server, &request(&[("prompt", "select_account")])).await;
    let page = walker.submit(&server, &page, "/sign-in/other", &[]).await;
    walker.sign_in_as(&server, &page, "bob").await;
    assert_eq!(form(&orphan).await, "400 invalid_grant account_switched");
    let disabled = code(&server, &[]).await;
    server.app.store.disable_user(&server.user("ada").id, server.now()).await.expect("disabled");
    assert!(form(&disabled).await.starts_with("400 invalid_grant"));
}

#[tokio::test]
async fn every_answer_says_who_gives_it() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let good = come_back(&mut walker, &server, &request(&[])).await;
    assert_eq!(sent(&good)["iss"], ISSUER);
    for bad in [("response_type", "smoke"), ("scope", "unheard-of"), ("max_age", "x")] {
        assert_eq!(sent(&walker.get(&server, &request(&[bad])).await)["iss"], ISSUER, "{bad:?}");
    }
    let form = walker.get(&server, &request(&[("response_mode", "form_post")])).await;
    let fields = crate::walk::forms(&form.body).remove(0).fields;
    assert!(fields.contains(&("iss".to_owned(), ISSUER.to_owned())), "{fields:?}");
    let metadata = server.call("GET", "/.well-known/openid-configuration").send().await.json();
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], json!(true));
}

#[tokio::test]
async fn a_code_may_be_bound_to_a_key() {
    let server = with_web().await;
    let (device, thief) = (Device::new(1), Device::new(2));
    let jkt = device.thumbprint();
    let code = code(&server, &[("dpop_jkt", jkt.as_str())]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let send = |proof: Option<String>| {
        let call = server.call("POST", "/token").basic("web", SECRET).form(&form);
        let call = match proof {
            Some(proof) => call.header("dpop", proof),
            None => call,
        };
        call.send()
    };
    assert_eq!(send(None).await.verdict(), "400 invalid_dpop_proof");
    let stolen = send(Some(thief.prove(&server, "/token", "t"))).await;
    assert_eq!(stolen.verdict(), "400 invalid_dpop_proof");
    let proof = device.prove(&server, "/token", "d");
    let replayed = proof.clone();
    let owned = send(Some(proof)).await;
    assert_eq!(claims(&owned.tokens().access)["cnf"]["jkt"], jkt.as_str());
    assert_eq!(send(Some(replayed)).await.verdict(), "400 invalid_dpop_proof", "a proof is spent");
}
