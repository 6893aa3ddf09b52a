//! The key that signs for services behind: in a PEM file, for its owner alone.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen_token::{Algorithm, Jwk, KeyId};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("{0}")]
    File(#[from] io::Error),
    /// Others than its owner can read it.
    #[error("it can be read by others than its owner; make it private with `chmod 600`")]
    Readable,
    /// It holds another kind of key.
    #[error("it holds no private key of ES256 or Ed25519 as PKCS#8, `BEGIN PRIVATE KEY`")]
    Form,
}

#[derive(Debug)]
pub(super) enum SigningKey {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Reads a file, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, KeyError> {
        match create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
        let mut file = OpenOptions::new().read(true).open(path)?;
        let others = |permissions: Permissions| permissions.mode() & 0o077 != 0;
        if others(file.metadata()?.permissions()) {
            return Err(KeyError::Readable);
        }
        let mut text = Zeroizing::new(Vec::new());
        file.read_to_end(&mut text)?;
        let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|_| KeyError::Form)?;
        Self::of(pkcs8.secret_pkcs8_der()).ok_or(KeyError::Form)
    }

    fn of(pkcs8: &[u8]) -> Option<Self> {
        Ed25519KeyPair::from_pkcs8(pkcs8).ok().map(Self::Ed25519).or_else(|| {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok().map(Self::P256)
        })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::ES256,
            Self::Ed25519(_) => Algorithm::EdDSA,
        }
    }

    /// The public half. Its `kid` is its thumbprint (RFC 7638), the same at every node.
    pub(super) fn public(&self) -> (KeyId, Jwk) {
        let mut jwk = match self {
            Self::P256(pair) => {
                Jwk::p256(pair.public_key().as_ref()).expect("the library gives a whole point")
            }
            Self::Ed25519(pair) => Jwk::ed25519(pair.public_key().as_ref()),
        };
        let id: KeyId = jwk.thumbprint().as_str().parse().expect("a thumbprint is a key id");
        jwk.key_id = Some(id.clone());
        jwk.algorithm = Some(self.algorithm());
        (id, jwk)
    }

    #[expect(clippy::disallowed_methods, reason = "the parameter is required and not used")]
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(pair) => {
                let random = aws_lc_rs::rand::SystemRandom::new();
                pair.sign(&random, message).expect("a parsed key always signs").as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// Written whole under another name and then linked, so that nobody who starts at the same moment
/// reads half a key, and a key that is there is never replaced.
fn create(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
        .map_err(|_| io::Error::other("no key can be made"))?;
    let pkcs8 = pair.to_pkcs8v1().map_err(|_| io::Error::other("no key can be made"))?;
    let encoded = Zeroizing::new(STANDARD.encode(pkcs8.as_ref()));
    let mut pem = Zeroizing::new("-----BEGIN PRIVATE KEY-----\n".to_owned());
    for line in encoded.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).unwrap_or_default());
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = Path::new(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    let written = file.write_all(pem.as_bytes()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| std::fs::hard_link(draft, path));
    std::fs::remove_file(draft)?;
    linked
}
