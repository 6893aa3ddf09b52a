//! From starting the process to the first answer of `/readyz`, and the memory it then holds.

use crate::ROUNDS;
use crate::figures::{spread, timed};
use crate::harness::{Database, Setup};

pub(crate) async fn measure() {
    let ((), first) = timed(async { Setup::on(Database::Sqlite).start().await.kill() }).await;
    let mut server = Setup::on(Database::Sqlite).start().await;
    let (mut starts, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        server.kill();
        let ((), took) = timed(server.launch()).await;
        starts.push(took.as_secs_f64() * 1_000.0);
        memory.push(server.memory_mib());
    }
    let (median, least, most) = spread(&mut starts);
    println!(
        "\nstart to ready, SQLite, existing database: {median:.0} ms ({least:.0} to {most:.0})"
    );
    println!(
        "first start ever, which makes keys and tables: {:.0} ms",
        first.as_secs_f64() * 1_000.0
    );
    let (median, ..) = spread(&mut memory);
    println!("memory once ready: {median:.1} MiB");
}
