//! Refreshes with rotation per second: chains of tokens on kept connections, each rotation on
//! disk before it is answered.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::ROUNDS;
use crate::connection::{Connection, member};
use crate::figures::{per_second, spread, timed, wall_micros};
use crate::harness::{App, Database, Server, Setup, app_policy};

const ROUND: Duration = Duration::from_secs(2);

pub(crate) async fn measure(databases: &[(&str, Database)]) {
    println!(
        "\nrefreshes with rotation per second, durable: median (min to max) of {ROUNDS} rounds"
    );
    println!("{:<12} {:>22} {:>22} {:>22}", "", "1 connection", "16 connections", "64 connections");
    let mut servers = Vec::new();
    for (name, database) in databases {
        let server = Setup::on(database.clone()).start().await;
        let operator = server.operator().await;
        operator.add_user("ada", "a password").await;
        operator.add_app("app", &app_policy(&json!({}))).await;
        let mut chains = Vec::new();
        for _ in 0..64 {
            chains.push(Chain::begin(&server).await);
        }
        servers.push((name, server, chains));
    }
    let sizes = [1, 16, 64];
    let mut found = vec![vec![Vec::new(); sizes.len()]; servers.len()];
    for round in 0..=ROUNDS {
        for (size, connections) in sizes.into_iter().enumerate() {
            for (index, (_, _, chains)) in servers.iter_mut().enumerate() {
                let rate = round_of(&mut chains[..connections]).await;
                // The first round warms up.
                if round > 0 {
                    found[index][size].push(rate);
                }
            }
        }
    }
    for ((name, server, _), found) in servers.iter().zip(&mut found) {
        let cells = found.iter_mut().map(|rounds| {
            let (median, least, most) = spread(rounds);
            format!("{median:.0} ({least:.0} to {most:.0})")
        });
        let cells: Vec<String> = cells.collect();
        let memory = server.memory_mib();
        println!("{name:<12} {:>22} {:>22} {:>22}   {memory:.1} MiB", cells[0], cells[1], cells[2]);
    }
}

async fn round_of(chains: &mut [Chain]) -> f64 {
    for chain in chains.iter_mut() {
        chain.connect().await;
    }
    let until = wall_micros() + i64::try_from(ROUND.as_micros()).expect("seconds");
    let work = chains.iter_mut().map(async |chain| {
        let mut rotations = 0;
        while wall_micros() < until {
            chain.rotate().await;
            rotations += 1;
        }
        rotations
    });
    let (rotations, took) = timed(join_all(work)).await;
    per_second(rotations.iter().sum(), took)
}

/// One session and its connection.
struct Chain {
    address: SocketAddr,
    connection: Connection,
    token: String,
    turn: u64,
}

impl Chain {
    async fn begin(server: &Server) -> Self {
        let app = App::public(server.site(), "app");
        let token = app.sign_in("ada", "a password").await.refresh;
        let (address, connection) = (server.address, Connection::open(server.address).await);
        Self { address, connection, token, turn: 0 }
    }

    /// Connects anew: the server closes connections that lie unused between rounds.
    async fn connect(&mut self) {
        self.connection = Connection::open(self.address).await;
    }

    async fn rotate(&mut self) {
        self.turn += 1;
        let form = format!("grant_type=refresh_token&client_id=app&refresh_token={}", self.token);
        let key = format!("attempt-{}", self.turn);
        let body = self.connection.form("/token", form, Some(&key)).await;
        member(&body, "refresh_token").clone_into(&mut self.token);
    }
}
