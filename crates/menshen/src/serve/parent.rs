//! A child process ends with its parent, however that ends: the parent holds the other side of
//! the child's standard input, and the kernel closes it.

use std::io::{Read as _, stdin};

use tokio::sync::oneshot;

/// Waits until standard input is closed.
///
/// On a thread that nobody joins: a runtime would wait for its own reader before it ends.
pub(crate) async fn gone() {
    let (closed, told) = oneshot::channel();
    std::thread::spawn(move || {
        let mut rest = [0; 64];
        while stdin().lock().read(&mut rest).is_ok_and(|length| length > 0) {}
        let _ = closed.send(());
    });
    let _ = told.await;
}
