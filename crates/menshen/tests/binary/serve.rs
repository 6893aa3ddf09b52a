//! The server as a process: what it leaves on disk, what it says, how it stops.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Home, run, wait_until};

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn what_the_server_keeps_is_for_its_owner_alone() {
    let home = Home::new();
    let server = home.serve(&[]);
    assert_eq!(mode(&home.path("menshen-data")), 0o700);
    assert_eq!(mode(&home.path("menshen-data/key-encryption.key")), 0o600);
    assert_eq!(mode(&home.path("menshen-data/menshen.db")), 0o600);
    drop(server);
}

#[test]
fn the_admin_secret_is_shown_once() {
    let home = Home::new();
    let server = home.serve(&[]);
    let secret = server.ready["admin"]["client_secret"].as_str().expect("a first start").to_owned();
    assert!(secret.len() >= 43);
    server.terminate();
    assert_eq!(server.ended(), (Some(0), String::new()));

    let server = home.serve(&[]);
    assert!(server.ready["admin"].is_null(), "{}", server.ready);
    let database = std::fs::read(home.path("menshen-data/menshen.db")).expect("it is there");
    let stored = database.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(!stored, "the secret is readable in the database");
}

#[test]
fn whoever_reads_the_keys_once_knows_those_of_every_algorithm() {
    let home = Home::new();
    for start in ["the first start", "a later one"] {
        let server = home.serve(&[]);
        let keys = get(server.address(), "/jwks");
        for algorithm in ["ES256", "RS256", "PS256", "EdDSA"] {
            let count = keys.matches(&format!(r#""alg":"{algorithm}""#)).count();
            assert_eq!(count, 1, "{algorithm} after {start}: {keys}");
        }
    }
}

#[test]
fn a_first_start_says_what_to_do_next() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--with-parent"]);
    command.env("MENSHEN_LOG_LEVEL", "error");
    // Standard input is at its end, as if the parent were gone: it opens, and stops.
    let ran = run(command, "");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for part in ["is ready", "issuer", "client secret", "grant_type=client_credentials", "user add"]
    {
        assert!(ran.stdout.contains(part), "{part} is missing:\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
}

#[test]
fn a_start_warns_of_clients_with_legacy_grants() {
    let home = Home::new();
    home.done(&["client", "add", "modern"], "");
    home.done(&["client", "add", "relic", "--legacy-grants"], "");
    let serve = || {
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--with-parent"]);
        command.env("MENSHEN_LOG_LEVEL", "warn");
        run(command, "")
    };
    let ran = serve();
    assert!(ran.stdout.contains("relic may use legacy grants"), "{}", ran.stdout);
    assert!(ran.stderr.contains("legacy grants"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("modern may"), "{}", ran.stdout);
    home.done(&["client", "change", "relic", "--legacy-grants=false"], "");
    let ran = serve();
    assert!(!ran.stdout.contains("legacy grants"), "{}", ran.stdout);
}

#[test]
fn a_port_that_is_taken_is_said_so_with_a_way_out() {
    let home = Home::new();
    let first = home.serve(&[]);
    let ran = Home::new().run(&["serve", "--listen", first.address()]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("in use") && ran.stderr.contains("--listen"), "{}", ran.stderr);
}

#[test]
fn a_stop_lets_what_is_under_way_finish() {
    let home = Home::new();
    let server = home.serve(&[]);
    let mut under_way = TcpStream::connect(server.address()).expect("it listens");
    let head = "POST /token HTTP/1.1\r\nhost: menshen\r\nconnection: close\r\ncontent-length: 12\r\n\
                content-type: application/x-www-form-urlencoded\r\n\r\n";
    under_way.write_all(head.as_bytes()).expect("it reads");
    under_way.write_all(b"grant_").expect("it reads");
    // Only a server that has begun with the request will wait for the rest of it.
    wait_until("a second connection", || readyz(server.address()).contains(" 200 "));

    server.terminate();
    wait_until("the end of listening", || TcpStream::connect(server.address()).is_err());
    under_way.write_all(b"type=x").expect("it still reads");
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(server.ended().0, Some(0));
}

const RULES: &str = r#"
decisions = "127.0.0.1:0"

[[rule]]
name = "health"
hosts = ["*"]
paths = ["/healthz"]
access = "public"

[[rule]]
name = "orders"
hosts = ["api.example"]
paths = ["/orders/**"]
authenticate = ["bearer"]
audiences = ["ISSUER"]
"#;

/// What nginx is told about a request.
fn asked(gateway: &str, path: &str, token: &str) -> String {
    let mut socket = TcpStream::connect(gateway).expect("it listens");
    let request = format!(
        "GET /forward-auth/nginx HTTP/1.1\r\nhost: menshen\r\nconnection: close\r\n\
         x-original-method: GET\r\nx-original-scheme: https\r\nx-original-host: api.example\r\n\
         x-original-uri: {path}\r\nx-forwarded-for: 203.0.113.9\r\n\
         authorization: Bearer {token}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn provider_and_gateway_are_one_process_that_needs_no_set_up() {
    let home = Home::new();
    home.write("gateway.toml", RULES);
    for start in ["the first start", "a later one"] {
        let server = home.serve(&["--gateway", "gateway.toml"]);
        let gateway = server.ready["gateway"]["decisions"].as_str().expect("told").to_owned();
        wait_until("the gateway is ready", || readyz(&gateway).contains(" 200 "));
        assert!(readyz(&gateway).contains("lag_seconds: "), "{start}");
        assert!(asked(&gateway, "/healthz", "none").contains(" 200 "), "{start}");
        assert!(asked(&gateway, "/orders", "none").contains(" 401 "), "{start}");
        if start == "the first start" {
            // The rules are read again by themselves.
            home.write("gateway.toml", &RULES.replace("ISSUER", server.issuer()));
            let token = server.admin_token();
            wait_until("the token is taken", || {
                asked(&gateway, "/orders", &token).contains(" 200 ")
            });
            let decided = get(&gateway, "/metrics");
            let line = "menshen_gateway_decisions_total{rule=\"orders\",door=\"forward_auth\",\
                        outcome=\"allowed\"} 1";
            assert!(decided.contains(line), "{decided}");
            let log = std::fs::read_to_string(home.path("server.log")).expect("a log");
            assert!(log.contains("decided") && !log.contains(&token), "{log}");
        }
        server.terminate();
        assert_eq!(server.ended().0, Some(0), "{start}");
    }
}

#[test]
fn a_gateway_on_an_address_that_is_taken_is_refused_with_a_way_out() {
    let home = Home::new();
    let first = home.serve(&[]);
    let other = Home::new();
    let rules = RULES.replace("127.0.0.1:0", first.address());
    other.write("gateway.toml", &rules);
    let ran = other.run(&["serve", "--listen", "127.0.0.1:0", "--gateway", "gateway.toml"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("in use") && ran.stderr.contains("`decisions`"), "{}", ran.stderr);
}

fn readyz(address: &str) -> String {
    get(address, "/readyz")
}

fn get(address: &str, path: &str) -> String {
    let mut socket = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: menshen\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    answer
}
