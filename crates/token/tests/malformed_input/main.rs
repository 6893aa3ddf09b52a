//! Tens of thousands of damaged tokens and frames: no panic, no forgery, nothing half understood.
//!
//! The same properties as the fuzz targets, on a fixed walk, so that every run tries the same.

#[path = "../../fuzz/properties.rs"]
mod properties;

use properties::{Genuine, check_frame, seeds};

/// A fixed walk through the numbers (xorshift, Marsaglia 2003).
struct Walk(u64);

impl Walk {
    fn step(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).expect("a length");
        usize::try_from(self.step() % bound).expect("below a length")
    }

    /// One or a few of the ways in which bytes get damaged, on purpose or not.
    fn damage(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            let to = (at + self.below(24)).min(bytes.len());
            match self.below(7) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => drop(bytes.drain(at..to)),
                2 => bytes.extend_from_within(at..to),
                3 => bytes.truncate(at),
                4 => {
                    let from = self.below(other.len());
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
                5 => {
                    let frequent = br#"."{}[]:,=+/-_\0 AZaz09"#;
                    bytes.insert(at.min(bytes.len()), frequent[self.below(frequent.len())]);
                }
                _ => {
                    let copy = bytes[at.min(to)..to].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
        }
    }
}

fn try_damaged(seeds: &[Vec<u8>], rounds: usize, check: impl Fn(&[u8])) {
    let mut walk = Walk(0x6d65_6e73_6865_6e21);
    for seed in seeds {
        check(seed);
    }
    for _ in 0..rounds {
        let mut bytes = seeds[walk.below(seeds.len())].clone();
        let other = &seeds[walk.below(seeds.len())];
        walk.damage(&mut bytes, other);
        check(&bytes);
    }
}

/// The longest seeds are about length alone, and slow.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    (text.len() < 4_096).then(|| text.as_bytes().to_vec())
}

#[test]
fn a_damaged_token_is_never_accepted() {
    let genuine = Genuine::from_vectors();
    let seeds: Vec<Vec<u8>> = seeds("tokens", "cases")
        .iter()
        .filter_map(|case| bytes_of(case["token"].as_str()?))
        .collect();
    try_damaged(&seeds, 20_000, |bytes| genuine.check_token(bytes));
}

#[test]
fn damaged_claims_are_read_whole_or_not_at_all() {
    let genuine = Genuine::from_vectors();
    let claims = br#"{"iss":"https://id.example","sub":"u-1","aud":["a","b"],"exp":1800000600,
        "iat":1799999995,"iat_ms":1799999995250,"nbf":1,"jti":"AAECAwQFBgcICQoLDA0ODw",
        "client_id":"app","sid":"EBESExQVFhcYGRobHB0eHw","grant":"ICEiIyQlJicoKSorLC0uLw",
        "scope":"a b","auth_time":1,"acr":"x","amr":["pwd"],"roles":["r"],
        "cnf":{"jkt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},"x":{"y":[1,2.5,null]}}"#;
    let jwks = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","alg":"EdDSA",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let seeds = [claims.to_vec(), jwks.to_vec()];
    try_damaged(&seeds, 20_000, |bytes| genuine.check_token(bytes));
}

#[test]
fn a_damaged_frame_is_understood_whole_or_not_at_all() {
    let seeds: Vec<Vec<u8>> = [seeds("frames", "valid"), seeds("frames", "malformed")]
        .concat()
        .iter()
        .filter_map(|case| {
            let (event, data) = (case["event"].as_str()?, case["data"].as_str()?);
            bytes_of(&format!("{event}\n{data}"))
        })
        .collect();
    try_damaged(&seeds, 20_000, check_frame);
}
