//! Public signing keys: read from and written as a JWK set (RFC 7517), kept parsed for use.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value, json};

use crate::id::InvalidId;
use crate::{Algorithm, KeyId, base64url, strict_json};

/// The key is not a public key that we can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a usable public key")]
pub struct InvalidKey;

/// A public key as a JWK (RFC 7517, RFC 7518 section 6, RFC 8037 section 2): P-256, RSA of
/// 2048 bits or more, or Ed25519. Private and symmetric members are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    material: Material,
    /// `kid`, when given.
    pub key_id: Option<KeyId>,
    /// `alg`, when given and one of ours.
    pub algorithm: Option<Algorithm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    P256 { x: Vec<u8>, y: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ed25519 { x: Vec<u8> },
}

impl Jwk {
    /// A P-256 key from its uncompressed point: `04 || x || y`, 65 bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] when the bytes are of another form.
    pub fn p256(point: &[u8]) -> Result<Self, InvalidKey> {
        match point {
            [4, xy @ ..] if xy.len() == 64 => {
                Ok(Self::of(Material::P256 { x: xy[..32].to_vec(), y: xy[32..].to_vec() }))
            }
            _ => Err(InvalidKey),
        }
    }

    /// An RSA key from its modulus and exponent, big-endian without leading zeros.
    pub fn rsa(n: &[u8], e: &[u8]) -> Self {
        Self::of(Material::Rsa { n: n.to_vec(), e: e.to_vec() })
    }

    /// An Ed25519 key from its 32 bytes.
    pub fn ed25519(x: &[u8]) -> Self {
        Self::of(Material::Ed25519 { x: x.to_vec() })
    }

    fn of(material: Material) -> Self {
        Self { material, key_id: None, algorithm: None }
    }

    /// Reads a JWK that has been parsed already.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] for another `kty` or `crv`, a missing or malformed member, a `use` other
    /// than `sig`, or any private member.
    pub fn from_value(value: Value) -> Result<Self, InvalidKey> {
        let Value::Object(jwk) = value else { return Err(InvalidKey) };
        let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
        if private.iter().any(|member| jwk.contains_key(*member)) {
            return Err(InvalidKey);
        }
        if jwk.get("use").is_some_and(|usage| usage != "sig") {
            return Err(InvalidKey);
        }
        let material = match (text(&jwk, "kty")?, text(&jwk, "crv").ok()) {
            ("EC", Some("P-256")) => {
                Material::P256 { x: bytes(&jwk, "x", 32)?, y: bytes(&jwk, "y", 32)? }
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519 { x: bytes(&jwk, "x", 32)? },
            ("RSA", None) => Material::Rsa { n: bytes(&jwk, "n", 0)?, e: bytes(&jwk, "e", 0)? },
            _ => return Err(InvalidKey),
        };
        let key_id = jwk.get("kid").map(|_| text(&jwk, "kid")).transpose()?;
        let key_id = key_id.map(str::parse).transpose().map_err(|InvalidId| InvalidKey)?;
        let algorithm = jwk.get("alg").map(|_| text(&jwk, "alg")).transpose()?;
        let algorithm = algorithm.map(str::parse).transpose().map_err(|_| InvalidKey)?;
        Ok(Self { material, key_id, algorithm })
    }

    /// The SHA-256 thumbprint (RFC 7638).
    pub fn thumbprint(&self) -> Thumbprint {
        // `Map` keeps its members in lexicographic order, which is what section 3.3 asks for.
        let canonical = Value::Object(self.members()).to_string();
        Thumbprint(base64url::encode(digest::digest(&digest::SHA256, canonical.as_bytes())))
    }

    fn members(&self) -> Map<String, Value> {
        let value = match &self.material {
            Material::P256 { x, y } => json!({
                "kty": "EC", "crv": "P-256",
                "x": base64url::encode(x), "y": base64url::encode(y),
            }),
            Material::Rsa { n, e } => {
                json!({ "kty": "RSA", "n": base64url::encode(n), "e": base64url::encode(e) })
            }
            Material::Ed25519 { x } => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(x) })
            }
        };
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

fn text<'a>(jwk: &'a Map<String, Value>, member: &str) -> Result<&'a str, InvalidKey> {
    jwk.get(member).and_then(Value::as_str).ok_or(InvalidKey)
}

/// A base64url member; `length` of 0 means any.
fn bytes(jwk: &Map<String, Value>, member: &str, length: usize) -> Result<Vec<u8>, InvalidKey> {
    let bytes = base64url::decode(text(jwk, member)?).ok_or(InvalidKey)?;
    if length != 0 && bytes.len() != length { Err(InvalidKey) } else { Ok(bytes) }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = self.members();
        members.insert("use".to_owned(), "sig".into());
        if let Some(key_id) = &self.key_id {
            members.insert("kid".to_owned(), key_id.as_str().into());
        }
        if let Some(algorithm) = self.algorithm {
            members.insert("alg".to_owned(), algorithm.as_str().into());
        }
        members.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(strict_json::StrictValue)?;
        Self::from_value(value).map_err(de::Error::custom)
    }
}

/// The RFC 7638 thumbprint of a key: 43 characters of base64url.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Thumbprint(String);

impl Thumbprint {
    /// The thumbprint as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Thumbprint {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match base64url::decode(text) {
            Some(bytes) if bytes.len() == 32 => Ok(Self(text.to_owned())),
            _ => Err(InvalidId),
        }
    }
}

/// A public key, parsed once and used often.
#[derive(Clone, Debug)]
pub struct PublicKey {
    algorithm: Algorithm,
    parsed: ParsedPublicKey,
}

impl PublicKey {
    /// Parses a key for one algorithm.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] when key and algorithm do not belong together, the point is not on the
    /// curve, or the RSA modulus is shorter than 2048 or longer than 8192 bits.
    pub fn new(jwk: &Jwk, algorithm: Algorithm) -> Result<Self, InvalidKey> {
        let parsed = match (&jwk.material, algorithm) {
            (Material::P256 { x, y }, Algorithm::ES256) => {
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            }
            (Material::Ed25519 { x }, Algorithm::EdDSA) => ParsedPublicKey::new(&ED25519, x),
            (Material::Rsa { n, e }, Algorithm::RS256) => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            }
            (Material::Rsa { n, e }, Algorithm::PS256) => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PSS_2048_8192_SHA256)
            }
            _ => return Err(InvalidKey),
        };
        Ok(Self { algorithm, parsed: parsed.map_err(|_| InvalidKey)? })
    }

    /// The one algorithm this key is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether the signature fits the message.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

/// The keys of one issuer, by `kid`.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: HashMap<KeyId, (Jwk, PublicKey)>,
}

impl KeySet {
    /// Reads a JWK set document. Keys of a kind we do not use, or without `kid` or `alg`, are
    /// passed over, as RFC 7517 section 5 asks.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] when the document is not a JWK set at all, or names one `kid` twice.
    pub fn from_json(document: &[u8]) -> Result<Self, InvalidKey> {
        let mut document = strict_json::parse_object(document).ok_or(InvalidKey)?;
        let Some(Value::Array(jwks)) = document.remove("keys") else { return Err(InvalidKey) };
        let mut set = Self::default();
        for jwk in jwks.into_iter().filter_map(|jwk| Jwk::from_value(jwk).ok()) {
            if !set.insert(jwk)? {
                return Err(InvalidKey);
            }
        }
        Ok(set)
    }

    /// Adds a key; `false` when its `kid` was taken. A key without `kid` or `alg` is passed
    /// over.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] as for [`PublicKey::new`].
    pub fn insert(&mut self, jwk: Jwk) -> Result<bool, InvalidKey> {
        let (Some(key_id), Some(algorithm)) = (jwk.key_id.clone(), jwk.algorithm) else {
            return Ok(true);
        };
        let key = PublicKey::new(&jwk, algorithm)?;
        Ok(self.keys.insert(key_id, (jwk, key)).is_none())
    }

    /// The key of this name.
    pub fn find(&self, key_id: &KeyId) -> Option<&PublicKey> {
        self.keys.get(key_id).map(|(_, key)| key)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Serialize for KeySet {
    /// As a JWK set document, keys in order of `kid`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut jwks: Vec<&Jwk> = self.keys.values().map(|(jwk, _)| jwk).collect();
        jwks.sort_by(|a, b| a.key_id.cmp(&b.key_id));
        HashMap::from([("keys", jwks)]).serialize(serializer)
    }
}
