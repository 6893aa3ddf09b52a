//! What the FAPI 2.0 Security Profile asks of a provider, for clients that are held to it: pushed
//! requests, assertions, keys, and no RS256 anywhere.

use std::time::Duration;

use menshen_domain::client::{AuthMethod, Client, SecurityProfile};
use menshen_token::Algorithm;
use serde_json::{Value, json};

use crate::authorize::CALLBACK;
use crate::harness::{Answer, CHALLENGE, ISSUER, Server, VERIFIER, claims};
use crate::proof::{Device, Draft};
use crate::walk::{Walker, path, sent};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A bank's app, its key, and the device that its tokens are bound to.
struct Bank {
    server: Server,
    key: Device,
    device: Device,
    spent: std::cell::Cell<u32>,
}

impl Bank {
    async fn open() -> Self {
        let server = Server::start_with(|config| config.code_lifetime = Duration::from_mins(5));
        let server = server.await;
        server.add_user("ada").await;
        let key = Device::new(1);
        for id in ["bank", "rival"] {
            let mut jwk = key.jwk();
            jwk["kid"] = "one".into();
            let register = |client: &mut Client| {
                client.metadata.redirect_uris = vec![CALLBACK.to_owned()];
                client.metadata.token_endpoint_auth_method = Some(AuthMethod::PrivateKeyJwt);
                client.metadata.jwks = Some(json!({ "keys": [jwk] }));
                client.policy.security_profile = SecurityProfile::Fapi2;
                client.policy.first_party = true;
                client.policy.scope = "openid profile offline_access".parse().expect("valid");
                client.policy.algorithm = Algorithm::ES256;
            };
            server.register(id, register).await;
        }
        Self { server, key, device: Device::new(2), spent: std::cell::Cell::new(0) }
    }

    /// A name that was not used before.
    fn fresh(&self) -> String {
        self.spent.set(self.spent.get() + 1);
        format!("jti-{}", self.spent.get())
    }

    fn assertion(&self, client: &str, audience: impl Into<Value>) -> String {
        let now = self.server.now().as_seconds();
        self.key.sign(&Draft {
            header: json!({ "alg": "EdDSA", "kid": "one" }),
            claims: json!({
                "iss": client, "sub": client, "aud": audience.into(),
                "iat": now, "exp": now + 60, "jti": self.fresh(),
            }),
        })
    }

    /// Sends a form to an endpoint for a client, with a proof of a device, if one is given.
    async fn send(
        &self,
        endpoint: &str,
        client: &str,
        device: Option<&Device>,
        form: &[(&str, &str)],
    ) -> Answer {
        let assertion = self.assertion(client, ISSUER);
        let proof = device.map(|device| device.prove(&self.server, endpoint, &self.fresh()));
        let credentials = [("client_assertion_type", TYPE), ("client_assertion", &assertion)];
        let call = self.server.call("POST", endpoint).form(&[form, &credentials].concat());
        match proof {
            Some(proof) => call.header("dpop", proof).send().await,
            None => call.send().await,
        }
    }

    async fn push(&self, extra: &[(&str, &str)], device: Option<&Device>) -> Answer {
        let standard = [
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid offline_access"),
            ("state", "s"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let kept = standard.iter().filter(|(name, _)| !extra.iter().any(|(own, _)| own == name));
        let form: Vec<(&str, &str)> = kept.chain(extra).copied().collect();
        self.send("/par", "bank", device, &form).await
    }

    /// Where a browser goes with a request that was pushed.
    async fn pushed(&self, extra: &[(&str, &str)], device: Option<&Device>) -> String {
        let answer = self.push(extra, device).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let uri = answer.text("request_uri");
        path("/authorize", &[("client_id", "bank"), ("request_uri", &uri)])
    }

    async fn code(&self, extra: &[(&str, &str)], device: Option<&Device>) -> String {
        let request = self.pushed(extra, device).await;
        let mut walker = Walker::default();
        let page = walker.get(&self.server, &request).await;
        sent(&walker.sign_in(&self.server, &page).await)["code"].clone()
    }

    async fn redeem(&self, client: &str, code: &str, device: Option<&Device>) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.send("/token", client, device, &form).await
    }
}

fn algorithm(token: &str) -> Value {
    use base64::Engine as _;
    let header = token.split('.').next().expect("a header");
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header);
    let header: Value = serde_json::from_slice(&header.expect("base64url")).expect("JSON");
    header["alg"].clone()
}

#[tokio::test]
async fn only_what_was_pushed_is_answered() {
    let bank = Bank::open().await;
    let mut walker = Walker::default();
    let direct = path(
        "/authorize",
        &[
            ("client_id", "bank"),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ],
    );
    let answer = walker.get(&bank.server, &direct).await;
    assert_eq!((answer.status, answer.header("location")), (400, ""));
    let request = bank.pushed(&[], None).await;
    let overridden = format!("{request}&state=evil&scope=profile&prompt=none&redirect_uri=x");
    let page = walker.get(&bank.server, &overridden).await;
    let given = sent(&walker.sign_in(&bank.server, &page).await);
    assert_eq!((given["state"].as_str(), given["iss"].as_str()), ("s", ISSUER));
    let tokens = bank.redeem("bank", &given["code"], Some(&bank.device)).await;
    assert_eq!(tokens.text("scope"), "openid offline_access");
}

#[tokio::test]
async fn what_may_not_be_pushed_is_refused() {
    let bank = Bank::open().await;
    for (extra, expected) in [
        (("response_type", "token"), "400 unsupported_response_type"),
        (("response_type", "code id_token"), "400 unsupported_response_type"),
        (("code_challenge", ""), "400 invalid_request"),
        (("code_challenge_method", "plain"), "400 invalid_request"),
        (("code_challenge_method", ""), "400 invalid_request"),
        (("request_uri", "urn:ietf:params:oauth:request_uri:x"), "400 invalid_request"),
        (("redirect_uri", "https://evil.example/"), "400 invalid_request"),
        (("client_id", "rival"), "401 invalid_client"),
    ] {
        let answer = bank.push(&[extra], None).await;
        assert!(answer.verdict().starts_with(&expected[..3]), "{extra:?} {}", answer.body);
        if extra.0 != "client_id" {
            assert_eq!(answer.verdict(), expected, "{extra:?}");
        }
    }
    for audience in
        [json!([ISSUER]), json!(format!("{ISSUER}/par")), json!(format!("{ISSUER}/token"))]
    {
        let assertion = bank.assertion("bank", audience.clone());
        let form = [("client_assertion_type", TYPE), ("client_assertion", &assertion)];
        let answer = bank.server.post("/par", &form).await;
        assert_eq!(answer.verdict(), "401 invalid_client", "{audience}");
    }
    assert_eq!(bank.server.call("GET", "/par").send().await.status, 405);
}

#[tokio::test]
async fn a_pushed_request_may_be_looked_at_twice_and_answered_once() {
    let bank = Bank::open().await;
    let request = bank.pushed(&[], None).await;
    let mut walker = Walker::default();
    walker.get(&bank.server, &request).await;
    let page = walker.get(&bank.server, &request).await;
    let answer = walker.sign_in(&bank.server, &page).await;
    assert!(sent(&answer).contains_key("code"));
    let again = walker.get(&bank.server, &request).await;
    assert_eq!((again.status, again.header("location")), (400, ""), "{}", again.body);
    let other = bank.pushed(&[], None).await.replace("client_id=bank", "client_id=rival");
    assert_eq!(walker.get(&bank.server, &other).await.status, 400, "it is the bank's");
    let late = bank.pushed(&[], None).await;
    bank.server.advance(Duration::from_mins(10));
    assert_eq!(walker.get(&bank.server, &late).await.status, 400);
}

#[tokio::test]
async fn a_code_lives_a_minute_whatever_the_operator_says() {
    let bank = Bank::open().await;
    let code = bank.code(&[], None).await;
    bank.server.advance(Duration::from_mins(1));
    let late = bank.redeem("bank", &code, Some(&bank.device)).await;
    assert_eq!(late.verdict(), "400 invalid_grant");
}

#[tokio::test]
async fn a_code_is_for_its_client_and_its_key() {
    let bank = Bank::open().await;
    let (device, thief) = (&bank.device, Device::new(3));
    let jkt = device.thumbprint();
    for (extra, proof) in [(&[("dpop_jkt", jkt.as_str())][..], None), (&[], Some(device))] {
        let code = bank.code(extra, proof).await;
        let rival = bank.redeem("rival", &code, Some(device)).await;
        assert_eq!(rival.verdict(), "400 invalid_grant");
        let stolen = bank.redeem("bank", &code, Some(&thief)).await;
        assert_eq!(stolen.verdict(), "400 invalid_dpop_proof");
        let bare = bank.redeem("bank", &code, None).await;
        assert_eq!(bare.verdict(), "400 invalid_dpop_proof");
        let owned = bank.redeem("bank", &code, Some(device)).await;
        assert_eq!(owned.text("token_type"), "DPoP", "{}", owned.body);
        bank.server.advance(Duration::from_secs(1));
        let again = bank.redeem("bank", &code, Some(device)).await;
        assert_eq!(again.verdict(), "400 invalid_grant authorization_code_reuse");
    }
    let other = bank.push(&[("dpop_jkt", jkt.as_str())], Some(&thief)).await;
    assert_eq!(other.verdict(), "400 invalid_dpop_proof");
}

#[tokio::test]
async fn a_client_that_authenticates_may_change_its_key() {
    let bank = Bank::open().await;
    let code = bank.code(&[], Some(&bank.device)).await;
    let first = bank.redeem("bank", &code, Some(&bank.device)).await.tokens();
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str())];
    let bare = bank.send("/token", "bank", None, &refresh).await;
    assert_eq!(bare.verdict(), "400 invalid_dpop_proof");
    let anonymous = [&refresh[..], &[("client_id", "bank")]].concat();
    let proof = bank.device.prove(&bank.server, "/token", "anonymous");
    let anonymous = bank.server.call("POST", "/token").header("dpop", proof).form(&anonymous);
    assert_eq!(anonymous.send().await.verdict(), "401 invalid_client");
    let rival = bank.send("/token", "rival", Some(&bank.device), &refresh).await;
    assert_eq!(rival.verdict(), "400 invalid_grant");
    let new = Device::new(4);
    let second = bank.send("/token", "bank", Some(&new), &refresh).await;
    assert_eq!(claims(&second.tokens().access)["cnf"]["jkt"], new.thumbprint().as_str());
    bank.server.advance(Duration::from_secs(30));
    let again = bank.send("/token", "bank", Some(&new), &refresh).await;
    assert_eq!(again.status, 200, "an answer may have been lost: {}", again.body);
}

#[tokio::test]
async fn nothing_for_them_is_signed_with_rs256() {
    let bank = Bank::open().await;
    let change = |adjust: &dyn Fn(&mut Client)| {
        let store = bank.server.app.store.clone();
        let mut client = Client::new(
            "bank".parse().expect("valid"),
            String::new(),
            menshen_domain::client::ClientPolicy::default(),
            bank.server.now(),
        );
        adjust(&mut client);
        async move {
            let found = store.find_client(&client.id).await.expect("reads").expect("there");
            let policy = menshen_domain::client::ClientPolicy {
                algorithm: client.policy.algorithm,
                ..found.policy
            };
            let metadata = menshen_domain::client::ClientMetadata {
                id_token_signed_response_alg: client.metadata.id_token_signed_response_alg,
                userinfo_signed_response_alg: client.metadata.userinfo_signed_response_alg,
                ..found.metadata
            };
            let change = menshen_store::ClientChange {
                policy: Some(policy),
                metadata: Some(metadata),
                ..menshen_store::ClientChange::default()
            };
            store.change_client(&client.id, &change).await.expect("changed");
        }
    };
    let code = bank.code(&[], None).await;
    let tokens = bank.redeem("bank", &code, Some(&bank.device)).await;
    assert_eq!(algorithm(&tokens.text("id_token")), "PS256", "it said nothing");
    change(&|client| {
        client.policy.algorithm = Algorithm::RS256;
        client.metadata.id_token_signed_response_alg = Some(Algorithm::RS256);
        client.metadata.userinfo_signed_response_alg = Some(Algorithm::RS256);
    })
    .await;
    bank.server.advance(Duration::from_secs(5));
    let code = bank.code(&[], None).await;
    let tokens = bank.redeem("bank", &code, Some(&bank.device)).await;
    let access = tokens.text("access_token");
    assert_eq!(algorithm(&tokens.text("id_token")), "PS256");
    assert_eq!(algorithm(&access), "PS256");
    let draft = bank.device.draft(&bank.server, "/userinfo", "u").claim("htm", "GET").with(&access);
    let call = bank.server.call("GET", "/userinfo");
    let call = call.header("authorization", format!("DPoP {access}"));
    let answer = call.header("dpop", bank.device.sign(&draft)).send().await;
    assert_eq!((answer.status, algorithm(&answer.body)), (200, json!("PS256")));
}

#[tokio::test]
async fn a_client_without_a_secret_of_its_own_is_none() {
    let bank = Bank::open().await;
    let public = |client: &mut Client| {
        client.metadata.redirect_uris = vec![CALLBACK.to_owned()];
        client.metadata.token_endpoint_auth_method = Some(AuthMethod::None);
        client.policy.security_profile = SecurityProfile::Fapi2;
    };
    bank.server.register("public", public).await;
    let form = [
        ("client_id", "public"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    assert_eq!(bank.server.post("/par", &form).await.verdict(), "401 invalid_client");
}

#[tokio::test]
async fn a_proof_is_for_one_pushed_request() {
    let bank = Bank::open().await;
    let proof = bank.device.prove(&bank.server, "/par", "once");
    let push = async |proof: &str| {
        let assertion = bank.assertion("bank", ISSUER);
        let form = [
            ("client_assertion_type", TYPE),
            ("client_assertion", assertion.as_str()),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        bank.server.call("POST", "/par").header("dpop", proof).form(&form).send().await
    };
    assert_eq!(push(&proof).await.status, 201);
    assert_eq!(push(&proof).await.verdict(), "400 invalid_dpop_proof");
    let elsewhere = bank.device.prove(&bank.server, "/token", "elsewhere");
    assert_eq!(push(&elsewhere).await.verdict(), "400 invalid_dpop_proof");
}

#[tokio::test]
async fn long_values_come_back_whole_or_not_at_all() {
    let bank = Bank::open().await;
    for length in [64, 384] {
        let nonce = "n".repeat(length);
        let state = "s".repeat(length);
        let request = bank.pushed(&[("nonce", &nonce), ("state", &state)], None).await;
        let mut walker = Walker::default();
        let page = walker.get(&bank.server, &request).await;
        let given = sent(&walker.sign_in(&bank.server, &page).await);
        assert_eq!(given["state"], state);
        let tokens = bank.redeem("bank", &given["code"], Some(&bank.device)).await;
        assert_eq!(claims(&tokens.text("id_token"))["nonce"], json!(nonce));
    }
}

#[tokio::test]
async fn the_metadata_say_what_the_profile_looks_for() {
    let bank = Bank::open().await;
    let found = bank.server.call("GET", "/.well-known/openid-configuration").send().await.json();
    for (member, value) in [
        ("code_challenge_methods_supported", "S256"),
        ("dpop_signing_alg_values_supported", "ES256"),
        ("token_endpoint_auth_signing_alg_values_supported", "PS256"),
        ("id_token_signing_alg_values_supported", "PS256"),
        ("token_endpoint_auth_methods_supported", "private_key_jwt"),
        ("grant_types_supported", "refresh_token"),
    ] {
        let listed = found[member].as_array().expect("a list");
        assert!(listed.contains(&json!(value)), "{member}");
    }
    assert!(found["require_pushed_authorization_requests"].is_boolean());
    assert_eq!(found["authorization_response_iss_parameter_supported"], json!(true));
}
