//! Passwords: argon2id (RFC 9106), with the parameters kept in the hash.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use subtle::ConstantTimeEq;

use crate::Secret;

/// The shortest password that may be chosen, in characters. Older ones may be shorter.
pub const MIN_PASSWORD_CHARS: usize = 8;

/// The longest password that is hashed, in bytes. Longer ones are refused at the door.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// How hard a password is to hash (RFC 9106 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashingCost {
    /// Memory in KiB, at least 8 per lane.
    pub memory_kib: u32,
    /// Passes over the memory, at least 1.
    pub passes: u32,
    /// Lanes, at least 1.
    pub lanes: u32,
}

impl Default for HashingCost {
    /// 19 MiB, 2 passes, 1 lane: the first choice of the OWASP password storage guide.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

impl HashingCost {
    /// Whether argon2 allows it.
    ///
    /// # Errors
    ///
    /// [`InvalidCost`] when it does not.
    pub fn check(self) -> Result<(), InvalidCost> {
        self.params().map(|_| ())
    }

    fn params(self) -> Result<Params, InvalidCost> {
        Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(|_| InvalidCost)
    }
}

/// The cost is outside what RFC 9106 section 3.1 allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("password hashing cost is out of range")]
pub struct InvalidCost;

/// A stored password hash in PHC string form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash from storage.
    pub fn from_stored(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string, for storage.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What comparing a password with a hash found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// The password is right.
    Match,
    /// The password is right, and its hash should be replaced by one of today's cost.
    MatchOutdated,
    /// The password is wrong.
    Mismatch,
    /// The stored text is no argon2id hash.
    Corrupt,
}

/// Hashes passwords, keeping its working memory between calls. One per thread.
#[derive(Debug)]
pub struct PasswordHasher {
    params: Params,
    memory: Vec<Block>,
    decoy: PasswordHash,
}

impl PasswordHasher {
    /// A hasher of this cost.
    ///
    /// # Errors
    ///
    /// [`InvalidCost`] when argon2 does not allow it.
    pub fn new(cost: HashingCost) -> Result<Self, InvalidCost> {
        let params = cost.params()?;
        let mut hasher = Self { params, memory: Vec::new(), decoy: PasswordHash(String::new()) };
        hasher.decoy = hasher.hash(&Secret::new(String::new()), [0; 16]);
        Ok(hasher)
    }

    /// Hashes a password with 16 bytes of salt, which the caller drew at random.
    pub fn hash(&mut self, password: &Secret, salt: [u8; 16]) -> PasswordHash {
        let mut output = [0; 32];
        let params = self.params.clone();
        self.fill(&params, password, &salt, &mut output);
        let phc = Phc {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).expect("valid params always print"),
            salt: Some(Salt::new(&salt).expect("16 bytes are a valid salt")),
            hash: Some(Output::new(&output).expect("32 bytes are a valid output")),
        };
        PasswordHash(phc.to_string())
    }

    /// Compares a password with a stored hash. `None` stands for a user who does not exist,
    /// and takes as long as one who does.
    pub fn verify(&mut self, password: &Secret, stored: Option<&PasswordHash>) -> PasswordVerdict {
        let Some(stored) = stored else {
            let decoy = self.decoy.clone();
            self.compare(password, &decoy);
            return PasswordVerdict::Mismatch;
        };
        self.compare(password, stored)
    }

    fn compare(&mut self, password: &Secret, stored: &PasswordHash) -> PasswordVerdict {
        let Ok(phc) = Phc::new(&stored.0) else { return PasswordVerdict::Corrupt };
        let (Ok(params), Some(salt), Some(expected)) = (Params::try_from(&phc), phc.salt, phc.hash)
        else {
            return PasswordVerdict::Corrupt;
        };
        if phc.algorithm != Algorithm::Argon2id.ident() {
            return PasswordVerdict::Corrupt;
        }
        let mut output = vec![0; expected.len()];
        self.fill(&params, password, &salt, &mut output);
        if !bool::from(output.ct_eq(expected.as_bytes())) {
            return PasswordVerdict::Mismatch;
        }
        let current = (params.m_cost(), params.t_cost(), params.p_cost())
            == (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        if current { PasswordVerdict::Match } else { PasswordVerdict::MatchOutdated }
    }

    fn fill(&mut self, params: &Params, password: &Secret, salt: &[u8], output: &mut [u8]) {
        if self.memory.len() < params.block_count() {
            self.memory.resize(params.block_count(), Block::new());
        }
        let memory = &mut self.memory[..params.block_count()];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
            .hash_password_into_with_memory(password.expose().as_bytes(), salt, output, memory)
            .expect("sizes were checked when the parameters were made");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: HashingCost = HashingCost { memory_kib: 32, passes: 1, lanes: 1 };

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_password_matches_its_own_hash_only() {
        let mut hasher = PasswordHasher::new(CHEAP).expect("valid");
        let hash = hasher.hash(&secret("correct horse"), [7; 16]);
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=32,t=1,p=1$"), "{hash:?}");
        assert_eq!(hasher.verify(&secret("correct horse"), Some(&hash)), PasswordVerdict::Match);
        assert_eq!(hasher.verify(&secret("Correct horse"), Some(&hash)), PasswordVerdict::Mismatch);
        assert_eq!(hasher.verify(&secret(""), None), PasswordVerdict::Mismatch);
    }

    #[test]
    fn a_hash_of_another_cost_still_matches_and_asks_to_be_replaced() {
        let hash = PasswordHasher::new(CHEAP).expect("valid").hash(&secret("pw"), [1; 16]);
        let mut dearer =
            PasswordHasher::new(HashingCost { memory_kib: 64, ..CHEAP }).expect("valid");
        assert_eq!(dearer.verify(&secret("pw"), Some(&hash)), PasswordVerdict::MatchOutdated);
        assert_eq!(dearer.verify(&secret("no"), Some(&hash)), PasswordVerdict::Mismatch);
    }

    #[test]
    fn a_text_that_is_no_hash_is_told_from_a_wrong_password() {
        let mut hasher = PasswordHasher::new(CHEAP).expect("valid");
        for text in ["", "plain", "$argon2i$v=19$m=32,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA"] {
            let stored = PasswordHash::from_stored(text.to_owned());
            assert_eq!(hasher.verify(&secret("x"), Some(&stored)), PasswordVerdict::Corrupt);
        }
    }

    #[test]
    fn the_hash_is_the_one_that_the_reference_implementation_gives() {
        // $ printf password | argon2 somesalt16bytes! -id -t 2 -k 64 -p 1 -l 32 -e (checked
        // through the crate's own high-level interface, which carries the RFC 9106 vectors).
        use password_hash::PasswordVerifier as _;
        let mut hasher = PasswordHasher::new(CHEAP).expect("valid");
        let hash = hasher.hash(&secret("password"), *b"somesalt16bytes!");
        let phc = Phc::new(hash.as_str()).expect("a PHC string");
        assert!(Argon2::default().verify_password(b"password", &phc).is_ok());
    }
}
