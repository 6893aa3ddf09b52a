//! The threads that hash passwords. A hash takes milliseconds and megabytes on purpose: it gets
//! its own threads, each with its own memory, and a queue that says when it is full.

use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use menshen_domain::Secret;
use menshen_domain::credential::{
    HashingCost, InvalidCost, PasswordHash, PasswordHasher, PasswordVerdict,
};
use tokio::sync::oneshot;

use menshen_token::Entropy;

/// Jobs that may wait for each thread; at 15 ms each they wait half a second.
const QUEUE_PER_THREAD: usize = 32;

/// As many passwords are waiting to be hashed as may; try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are waiting to be hashed")]
pub(crate) struct Busy;

/// The threads that hash passwords. Cheap to clone; they end with the last clone.
#[derive(Clone)]
pub struct HashingPool {
    jobs: SyncSender<Job>,
    entropy: Arc<dyn Entropy>,
}

enum Job {
    Verify(Secret, Option<PasswordHash>, oneshot::Sender<PasswordVerdict>),
    Hash(Secret, [u8; 16], oneshot::Sender<PasswordHash>),
}

impl HashingPool {
    /// Starts the threads; at least one. The memory is taken when the first password comes.
    ///
    /// # Errors
    ///
    /// [`InvalidCost`] when argon2 does not allow the cost.
    pub fn start(
        cost: HashingCost,
        threads: usize,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, InvalidCost> {
        cost.check()?;
        let threads = threads.max(1);
        let (jobs, waiting) = sync_channel(threads * QUEUE_PER_THREAD);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..threads {
            let waiting = Arc::clone(&waiting);
            std::thread::Builder::new()
                .name(format!("hashing-{number}"))
                .spawn(move || work(cost, &waiting))
                .expect("a thread can be started while the server starts");
        }
        Ok(Self { jobs, entropy })
    }

    /// Compares a password with a stored hash. `None` stands for a user who does not exist or
    /// has no password, and takes as long.
    ///
    /// # Errors
    ///
    /// [`Busy`].
    pub(crate) async fn verify(
        &self,
        password: Secret,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordVerdict, Busy> {
        let (answer, found) = oneshot::channel();
        self.jobs.try_send(Job::Verify(password, stored, answer)).map_err(|_| Busy)?;
        found.await.map_err(|_| Busy)
    }

    /// Hashes a password with a salt of its own.
    ///
    /// # Errors
    ///
    /// [`Busy`].
    pub(crate) async fn hash(&self, password: Secret) -> Result<PasswordHash, Busy> {
        let (answer, made) = oneshot::channel();
        let salt = self.entropy.bytes();
        self.jobs.try_send(Job::Hash(password, salt, answer)).map_err(|_| Busy)?;
        made.await.map_err(|_| Busy)
    }
}

impl fmt::Debug for HashingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashingPool(..)")
    }
}

/// Hashes until nobody is left to ask. A job whose asker has gone away is not done.
fn work(cost: HashingCost, waiting: &Mutex<Receiver<Job>>) {
    let mut hasher = None;
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        let hasher = hasher.get_or_insert_with(|| {
            PasswordHasher::new(cost).expect("the cost was checked when the pool was started")
        });
        // An asker that has gone away meanwhile does not miss the answer.
        match job {
            Job::Verify(password, stored, answer) if !answer.is_closed() => {
                let _ = answer.send(hasher.verify(&password, stored.as_ref()));
            }
            Job::Hash(password, salt, answer) if !answer.is_closed() => {
                let _ = answer.send(hasher.hash(&password, salt));
            }
            Job::Verify(..) | Job::Hash(..) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use menshen_token::SystemEntropy;

    const CHEAP: HashingCost = HashingCost { memory_kib: 32, passes: 1, lanes: 1 };

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_matches_the_hash_that_the_pool_made() {
        let pool = HashingPool::start(CHEAP, 2, Arc::new(SystemEntropy)).expect("valid cost");
        let hash = pool.hash(secret("pw")).await.expect("not busy");
        let again = pool.hash(secret("pw")).await.expect("not busy");
        assert_ne!(hash, again, "the salt is drawn anew");
        let right = pool.verify(secret("pw"), Some(hash.clone())).await;
        assert_eq!(right, Ok(PasswordVerdict::Match));
        assert_eq!(pool.verify(secret("no"), Some(hash)).await, Ok(PasswordVerdict::Mismatch));
        assert_eq!(pool.verify(secret("pw"), None).await, Ok(PasswordVerdict::Mismatch));
    }

    #[tokio::test]
    async fn a_full_queue_says_so_at_once() {
        let slow = HashingCost { memory_kib: 8 * 1024, passes: 4, lanes: 1 };
        let pool = HashingPool::start(slow, 1, Arc::new(SystemEntropy)).expect("valid cost");
        let asked: Vec<_> = (0..QUEUE_PER_THREAD + 8)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.verify(secret("pw"), None).await })
            })
            .collect();
        let mut refused = 0;
        for task in asked {
            refused += usize::from(task.await.expect("no panic") == Err(Busy));
        }
        assert!(refused > 0, "nobody was turned away");
        assert!(refused <= 8, "the queue holds what it promises: {refused}");
    }

    #[test]
    fn a_cost_that_argon2_does_not_allow_is_refused_at_start() {
        let cost = HashingCost { memory_kib: 1, passes: 1, lanes: 1 };
        assert!(HashingPool::start(cost, 1, Arc::new(SystemEntropy)).is_err());
    }
}
