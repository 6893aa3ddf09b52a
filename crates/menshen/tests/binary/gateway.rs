//! `menshen gateway`: what an operator asks about rules.

use std::net::TcpListener;

use crate::harness::{Home, Ran, Server, run};

const RULES: &str = r#"
decisions = "ADDRESS"

[provider]
issuer = "ISSUER"
client_id = "admin"

[[rule]]
name = "health"
hosts = ["*"]
paths = ["/healthz"]
access = "public"

[[rule]]
name = "orders"
hosts = ["api.example"]
paths = ["/orders/**"]
methods = ["GET"]
authenticate = ["bearer"]
audiences = ["ISSUER"]

[[rule]]
name = "gold"
hosts = ["api.example"]
paths = ["/gold"]
authenticate = ["bearer"]
audiences = ["ISSUER"]
scopes = ["gold:read"]
"#;

fn explain(home: &Home, request: &[&str], secret: Option<&str>) -> Ran {
    let mut command = home.command(&["gateway", "explain", "--rules", "gateway.toml"]);
    command.args(request);
    if let Some(secret) = secret {
        command.env("MENSHEN_GATEWAY_SECRET", secret);
    }
    run(command, "")
}

fn said(ran: &Ran) -> &str {
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    &ran.stdout
}

fn secret(server: &Server) -> &str {
    server.ready["admin"]["client_secret"].as_str().expect("a first start")
}

#[test]
fn explain_judges_as_a_gateway_would_beside_one_that_runs() {
    let home = Home::new();
    let server = home.serve(&[]);
    // Whoever listens there is the gateway that runs.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it has one").to_string();
    let rules = RULES.replace("ISSUER", server.issuer()).replace("ADDRESS", &address);
    home.write("gateway.toml", &rules);
    let token = server.admin_token();
    let line = format!("Authorization: Bearer {token}");
    let asked = |url| explain(&home, &["GET", url, "-H", &line], Some(secret(&server)));

    let ran = asked("https://api.example/orders/7");
    let text = said(&ran);
    assert!(text.contains("health (line 9) is about another path"), "{text}");
    assert!(text.contains("orders (line 15) is about this request"), "{text}");
    assert!(text.contains("let through by orders"), "{text}");
    assert!(text.contains("x-auth-client: admin"), "{text}");
    assert!(!text.contains(&token), "a token is shown: {text}");

    let ran = asked("https://api.example/gold");
    let text = said(&ran);
    assert!(text.contains("403 token lacks the scope gold:read"), "{text}");
}

#[test]
fn explain_needs_no_provider_for_what_needs_none() {
    let home = Home::new();
    home.write(
        "gateway.toml",
        &RULES.replace("ISSUER", "https://id.example").replace("ADDRESS", "127.0.0.1:0"),
    );
    for (url, verdict) in [
        ("https://api.example/healthz", "let through by health"),
        ("https://api.example/elsewhere", "403 no rule is about this request"),
        ("https://api.example/a/../healthz", "400 the path holds a dot segment"),
    ] {
        let ran = explain(&home, &["GET", url], None);
        assert!(said(&ran).contains(verdict), "{url}: {}", ran.stdout);
    }
    let ran = explain(&home, &["GET", "https://api.example/orders"], None);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("MENSHEN_GATEWAY_SECRET"), "{}", ran.stderr);
}

#[test]
fn check_names_the_line_and_what_was_meant() {
    let home = Home::new();
    home.write(
        "gateway.toml",
        &RULES.replace("scopes =", "scoops =").replace("ADDRESS", "127.0.0.1:0"),
    );
    let ran = home.run(&["gateway", "check", "--rules", "gateway.toml"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("did you mean `scopes`?"), "{}", ran.stderr);
    assert!(ran.stderr.contains("scoops = [\"gold:read\"]"), "{}", ran.stderr);
}
