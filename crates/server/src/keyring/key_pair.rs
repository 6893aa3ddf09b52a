//! A private signing key, kept parsed: parsing an RSA key costs more than a signature.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use menshen_token::{Algorithm, Jwk};
use zeroize::Zeroizing;

/// A private signing key.
#[derive(Debug)]
pub(super) enum KeyPair {
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl KeyPair {
    /// A new key, and its PKCS#8 form for sealing. The library draws its own randomness.
    pub(super) fn generate(algorithm: Algorithm) -> (Self, Zeroizing<Vec<u8>>) {
        match algorithm {
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                    .expect("a P-256 key can be made");
                let pkcs8 = pair.to_pkcs8v1().expect("a new key has a PKCS#8 form");
                (Self::P256(pair), Zeroizing::new(pkcs8.as_ref().to_vec()))
            }
            Algorithm::RS256 | Algorithm::PS256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key can be made");
                let pkcs8 = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der>::as_der(&pair)
                    .expect("a new key has a PKCS#8 form");
                let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
                (Self::Rsa(pair), pkcs8)
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().expect("an Ed25519 key can be made");
                let pkcs8 = pair.to_pkcs8v1().expect("a new key has a PKCS#8 form");
                (Self::Ed25519(pair), Zeroizing::new(pkcs8.as_ref().to_vec()))
            }
        }
    }

    /// Parses what [`KeyPair::generate`] gave.
    pub(super) fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::ES256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                .ok()
                .map(Self::P256),
            Algorithm::RS256 | Algorithm::PS256 => {
                RsaKeyPair::from_pkcs8(pkcs8).ok().map(Self::Rsa)
            }
            Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(pkcs8).ok().map(Self::Ed25519),
        }
    }

    /// The public half.
    pub(super) fn public(&self) -> Jwk {
        match self {
            Self::P256(pair) => {
                Jwk::p256(pair.public_key().as_ref()).expect("the library gives a whole point")
            }
            Self::Rsa(pair) => {
                let public = pair.public_key();
                Jwk::rsa(
                    public.modulus().big_endian_without_leading_zero(),
                    public.exponent().big_endian_without_leading_zero(),
                )
            }
            Self::Ed25519(pair) => Jwk::ed25519(pair.public_key().as_ref()),
        }
    }

    /// Signs a message.
    #[expect(clippy::disallowed_methods, reason = "the parameter is required and not used")]
    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        match self {
            Self::P256(pair) => {
                pair.sign(&random, message).expect("a parsed key always signs").as_ref().to_vec()
            }
            Self::Rsa(pair) => {
                let padding: &dyn aws_lc_rs::signature::RsaEncoding =
                    if algorithm == Algorithm::PS256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature)
                    .expect("a parsed key always signs");
                signature
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}
