//! Where randomness comes from. Handed in, so that tests own it.

use std::fmt;

use aws_lc_rs::rand::SecureRandom;

/// A source of randomness that nobody can guess.
pub trait Entropy: fmt::Debug + Send + Sync {
    /// Fills a buffer.
    fn fill(&self, buffer: &mut [u8]);
}

impl dyn Entropy + '_ {
    /// So many random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The operating system's randomness. The only place in the workspace that draws it.
#[derive(Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
    fn fill(&self, buffer: &mut [u8]) {
        aws_lc_rs::rand::SystemRandom::new()
            .fill(buffer)
            .expect("the operating system gives randomness");
    }
}
