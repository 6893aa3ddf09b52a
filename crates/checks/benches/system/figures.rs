//! The clock, medians and percentiles, and a word on the machine they were taken on.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The wall clock in microseconds, which processes on one machine share.
#[expect(clippy::disallowed_methods, reason = "what is measured here is real time")]
pub(crate) fn wall_micros() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

/// How long something takes.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let started = wall_micros();
    let done = work.await;
    (done, Duration::from_micros(u64::try_from(wall_micros() - started).unwrap_or(1).max(1)))
}

/// How many of something there were in a second.
pub(crate) fn per_second(count: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

/// Median, minimum and maximum.
pub(crate) fn spread(rounds: &mut [f64]) -> (f64, f64, f64) {
    rounds.sort_by(f64::total_cmp);
    (rounds[rounds.len() / 2], rounds[0], rounds[rounds.len() - 1])
}

/// The value that so many hundredths of all lie below or at.
pub(crate) fn percentile(sorted: &[i64], hundredths: usize) -> i64 {
    sorted[(sorted.len() * hundredths / 100).min(sorted.len() - 1)]
}

/// A line on processor, kernel and versions.
pub(crate) fn describe_machine() {
    let first = |path: &str, start: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(start)).unwrap_or_default();
        line.rsplit(": ").next().unwrap_or_default().to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("processor   {} ({cores} cores)", first("/proc/cpuinfo", "model name"));
    println!("kernel      {}", first("/proc/sys/kernel/osrelease", ""));
    println!("load        {}", first("/proc/loadavg", ""));
    let postgres = Command::new("psql").arg("--version").output();
    let postgres = postgres.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    println!(
        "versions    menshen {}, {}",
        env!("CARGO_PKG_VERSION"),
        postgres.unwrap_or_default().trim()
    );
    println!(
        "settings    defaults; log to a file, one line per request; server and load share the cores"
    );
}
