//! What a check costs: a token seen for the first time beside the bare signature check, one
//! seen before, and the revocation look-up among none, a million and ten million rules.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use criterion::{Criterion, criterion_group, criterion_main};
use menshen_verifier::testing::{START, TestIssuer};
use menshen_verifier::token::{
    AccessToken, Algorithm, Entry, Expectations, Jti, Jwk, KeySet, PublicKey, Reason, Revocation,
    RevocationSet, Seq, SessionId, jws, verify,
};

/// A key pair of one algorithm, and its public half.
struct Signer {
    algorithm: Algorithm,
    jwk: Jwk,
    sign: Sign,
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

fn signers() -> [Signer; 3] {
    [es256(), eddsa(), rs256()]
}

#[expect(clippy::disallowed_methods, reason = "a throw-away key needs real randomness")]
fn random() -> SystemRandom {
    SystemRandom::new()
}

fn es256() -> Signer {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("randomness");
    let jwk = Jwk::p256(pair.public_key().as_ref()).expect("a point");
    let random = random();
    let sign =
        move |message: &[u8]| pair.sign(&random, message).expect("a signature").as_ref().to_vec();
    Signer { algorithm: Algorithm::ES256, jwk, sign: Box::new(sign) }
}

fn eddsa() -> Signer {
    let pair = Ed25519KeyPair::generate().expect("randomness");
    let jwk = Jwk::ed25519(pair.public_key().as_ref());
    let sign = move |message: &[u8]| pair.sign(message).as_ref().to_vec();
    Signer { algorithm: Algorithm::EdDSA, jwk, sign: Box::new(sign) }
}

fn rs256() -> Signer {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("randomness");
    let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    let jwk = Jwk::rsa(&parts.n, &parts.e);
    let random = random();
    let sign = move |message: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("a signature");
        signature
    };
    Signer { algorithm: Algorithm::RS256, jwk, sign: Box::new(sign) }
}

/// Claims as a server mints them.
fn claims(issuer: &TestIssuer) -> AccessToken {
    let scope = "openid profile orders:read orders:write".parse().expect("a scope");
    let roles = vec!["staff".to_owned(), "auditor".to_owned()];
    let amr = vec!["pwd".to_owned()];
    let auth_time = Some(START);
    AccessToken { scope, roles, amr, auth_time, ..issuer.claims("vnQ8hLwT3Ojm5YbyRwsp5A") }
}

fn first_sight(criterion: &mut Criterion) {
    let issuer = TestIssuer::new("https://id.example.com", "https://api.example.com");
    let expected = Expectations {
        issuer: "https://id.example.com".to_owned(),
        audience: Some(vec!["https://api.example.com".to_owned()]),
        leeway: Duration::from_secs(5),
    };
    let rules = rules(1_000_000);
    for mut signer in signers() {
        let key_id = "k-1".parse().expect("a key id");
        let payload = claims(&issuer).to_payload();
        let input = jws::signing_input(signer.algorithm, &key_id, "at+jwt", &payload);
        let signature = (signer.sign)(input.as_bytes());
        let token = jws::compact(input.clone(), &signature);
        let key = PublicKey::new(&signer.jwk, signer.algorithm).expect("a key");
        signer.jwk.key_id = Some(key_id);
        signer.jwk.algorithm = Some(signer.algorithm);
        let mut keys = KeySet::default();
        keys.insert(signer.jwk).expect("a key");

        let mut group = criterion.benchmark_group(format!("first sight/{}", signer.algorithm));
        group.bench_function("bare signature", |bencher| {
            bencher.iter(|| assert!(key.verifies(black_box(input.as_bytes()), &signature)));
        });
        group.bench_function("verify and look up", |bencher| {
            bencher.iter(|| {
                let token = verify(black_box(&token), &keys, &expected, START).expect("good");
                assert!(!rules.kills(&token));
                token
            });
        });
        group.finish();
    }
}

fn seen_before(criterion: &mut Criterion) {
    let issuer = TestIssuer::new("https://id.example.com", "https://api.example.com");
    let verifier = issuer.verifier();
    let tokens: Vec<String> = (0..10_000).map(|_| issuer.sign(&claims(&issuer))).collect();
    for token in &tokens {
        verifier.verify(token).expect("good");
    }
    let mut group = criterion.benchmark_group("seen before");
    group.bench_function("one token", |bencher| {
        bencher.iter(|| verifier.verify(black_box(&tokens[0])).expect("good"));
    });
    group.bench_function("ten thousand tokens in turn", |bencher| {
        let mut turn = tokens.iter().cycle();
        bencher.iter(|| verifier.verify(turn.next().expect("endless")).expect("good"));
    });
    group.finish();
}

/// Well-spread ids without a source of randomness: Weyl steps through a multiplicative mix.
fn id(number: u128) -> [u8; 16] {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (mixed ^ (mixed >> 61)).wrapping_mul(0xd6e8_feb8_6659_fd93_a5a3_5d1f_2c7b_1b65).to_be_bytes()
}

fn rules(count: u32) -> RevocationSet {
    let expires_at = START + Duration::from_hours(1);
    let mut set = RevocationSet::default();
    let mut batch = Vec::with_capacity(10_000);
    for number in 0..count {
        let revocation = Revocation::Session(SessionId::from_bytes(id(number.into())));
        let (seq, reason) = (Seq(u64::from(number) + 1), Reason::Logout);
        batch.push(Entry { seq, revocation, reason, appended_at: START, expires_at });
        if batch.len() == 10_000 {
            set.extend(&batch, START);
            batch.clear();
        }
    }
    set.extend(&batch, START);
    set
}

fn revocation(criterion: &mut Criterion) {
    let issuer = TestIssuer::new("https://id.example.com", "https://api.example.com");
    let mut group = criterion.benchmark_group("revocation look-up");
    for count in [0, 1_000_000, 10_000_000] {
        let rules = Arc::new(rules(count));
        if count > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a figure for the eye")]
            let bytes = rules.id_bytes() as f64 / f64::from(count);
            eprintln!("{count} rules: {bytes:.1} bytes per rule");
        }
        // Enough live tokens that the look-ups do not stay in the nearest cache.
        let tokens: Vec<AccessToken> = (0..100_000)
            .map(|number| AccessToken {
                jti: Jti::from_bytes(id(u128::from(u64::MAX) + number)),
                session_id: Some(SessionId::from_bytes(id((1 << 80) + number))),
                ..issuer.claims("ada")
            })
            .collect();
        group.bench_function(format!("{count} rules"), |bencher| {
            let mut turn = tokens.iter().cycle();
            bencher.iter(|| assert!(!rules.kills(turn.next().expect("endless"))));
        });
    }
    group.finish();
}

criterion_group!(benches, first_sight, seen_before, revocation);
criterion_main!(benches);
