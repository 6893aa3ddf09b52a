//! Logins per second beside what bare argon2id allows on as many threads, and what everybody
//! else's requests cost meanwhile.

use std::time::Duration;

use futures_util::future::join_all;
use menshen_domain::Secret;
use menshen_domain::credential::{HashingCost, PasswordHasher};
use serde_json::json;

use crate::ROUNDS;
use crate::connection::Connection;
use crate::figures::{per_second, spread, timed, wall_micros};
use crate::harness::{Database, Setup, app_policy};

const ROUND: Duration = Duration::from_secs(2);
const CALLERS: usize = 8;

pub(crate) async fn measure() {
    let cost = HashingCost::default();
    println!(
        "\nlogins per second on one hashing thread (argon2id, {} KiB, {} passes, {} lane)",
        cost.memory_kib, cost.passes, cost.lanes
    );
    let setup = Setup::on(Database::Sqlite)
        .with("PASSWORD_MEMORY", &cost.memory_kib.to_string())
        .with("PASSWORD_PASSES", &cost.passes.to_string())
        .with("PASSWORD_THREADS", "1");
    let server = setup.start().await;
    let operator = server.operator().await;
    operator.add_app("app", &app_policy(&json!({}))).await;
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        operator.add_user(&format!("user-{caller}"), "a password").await;
        callers.push(Connection::open(server.address).await);
    }
    let (mut bare, mut logins) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for caller in &mut callers {
            *caller = Connection::open(server.address).await;
        }
        let hashing = tokio::task::spawn_blocking(hash_for_a_round);
        let hashed = hashing.await.expect("hashing does not panic");
        let logged_in = log_in_for_a_round(&mut callers).await;
        if round > 0 {
            bare.push(hashed);
            logins.push(logged_in);
        }
    }
    let (bare, least, most) = spread(&mut bare);
    println!("bare argon2id  {bare:.1} ({least:.1} to {most:.1})");
    let (logins, least, most) = spread(&mut logins);
    println!(
        "sign-in        {logins:.1} ({least:.1} to {most:.1}), {:.0} % of bare",
        logins / bare * 100.0
    );
}

fn hash_for_a_round() -> f64 {
    let mut hasher = PasswordHasher::new(HashingCost::default()).expect("the default is valid");
    let hash = hasher.hash(&Secret::new("a password".to_owned()), [7; 16]);
    let (started, mut count) = (wall_micros(), 0);
    while wall_micros() - started < i64::try_from(ROUND.as_micros()).expect("seconds") {
        hasher.verify(&Secret::new("a password".to_owned()), Some(&hash));
        count += 1;
    }
    let took = u64::try_from(wall_micros() - started).expect("time goes on");
    per_second(count, Duration::from_micros(took))
}

async fn log_in_for_a_round(callers: &mut [Connection]) -> f64 {
    let until = wall_micros() + i64::try_from(ROUND.as_micros()).expect("seconds");
    let work = callers.iter_mut().enumerate().map(async |(caller, connection)| {
        let mut logins = 0;
        while wall_micros() < until {
            let form = format!(
                "client_id=app&scope=orders:read&username=user-{caller}&password=a+password\
                 &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
                 &code_challenge_method=S256"
            );
            connection.form("/authorize-challenge", form, None).await;
            logins += 1;
        }
        logins
    });
    let (logins, took) = timed(join_all(work)).await;
    per_second(logins.iter().sum(), took)
}
