//! Files that hold, and files that say what is wrong with them.

use super::*;
use crate::host::Host;
use crate::target::Target;

const SOUND: &str = r#"
listen = "127.0.0.1:8443"

[provider]
issuer = "https://id.example"
client_id = "edge"

[upstream.orders]
url = "http://127.0.0.1:3000"

[[rule]]
name = "health"
hosts = ["*"]
paths = ["/healthz"]
access = "public"

[[rule]]
name = "orders"
hosts = ["api.example", "*.shop.example"]
paths = ["/orders/**", "/lines/*"]
methods = ["GET", "POST"]
authenticate = ["bearer", "session"]
unauthenticated = "login"
scopes = ["orders:read"]
audiences = ["https://api.example"]
max_age = "15m"
when_stale = { allow_for = "30s" }
lists = "allowlist"
rate_limit = { requests = 100, per = "1m", by = "subject" }
cors = { origins = ["https://app.example"], headers = ["authorization"], credentials = true }
upstream = "orders"
"#;

fn problem(change: impl Fn(&str) -> String) -> String {
    Config::parse("gateway.toml", &change(SOUND)).expect_err("a problem").to_string()
}

fn fits(rule: &Rule, host: &str, target: &str, method: &str) -> bool {
    let host: Host = host.parse().expect("a host");
    let target = Target::parse(target, Leniency::default()).expect("a target");
    rule.misses(&host, &target, &method.parse().expect("a method")).is_none()
}

#[test]
fn a_sound_file_is_read_whole() {
    let config = Config::parse("gateway.toml", SOUND).expect("a sound file");
    let names: Vec<_> = config.rules.iter().map(|rule| (rule.name.as_str(), rule.line)).collect();
    assert_eq!(names, [("health", 12), ("orders", 18)]);
    let orders = &config.rules[1];
    let Access::Authenticated(required) = &orders.access else { panic!("not public") };
    assert_eq!(required.max_age, Some(std::time::Duration::from_mins(15)));
    assert_eq!(required.lists, Lists::Allowlist);
    assert!(required.authenticate.contains(&Authentication::Session));
}

#[test]
fn a_rule_is_about_its_hosts_paths_and_methods() {
    let config = Config::parse("gateway.toml", SOUND).expect("a sound file");
    let orders = &config.rules[1];
    for (host, target, method) in [
        ("api.example", "/orders", "GET"),
        ("API.example.:443", "/orders/", "HEAD"),
        ("eu.shop.example", "/orders/7/lines?x", "POST"),
        ("api.example", "/lines/7", "GET"),
        ("api.example", "/%6frders", "GET"),
    ] {
        assert!(fits(orders, host, target, method), "{host} {target} {method}");
    }
    for (host, target, method) in [
        ("shop.example", "/orders", "GET"),
        ("evilshop.example", "/orders", "GET"),
        ("api.example.evil.example", "/orders", "GET"),
        ("api.example", "/Orders", "GET"),
        ("api.example", "/ordersx", "GET"),
        ("api.example", "/lines", "GET"),
        ("api.example", "/lines/7/8", "GET"),
        ("api.example", "/orders", "DELETE"),
        ("api.example", "/orders", "OPTIONS"),
        ("api.example", "/orders", "get"),
    ] {
        assert!(!fits(orders, host, target, method), "{host} {target} {method}");
    }
}

#[test]
fn a_problem_names_the_line_and_what_was_meant() {
    let changes = [
        ("scopes =", "scoops ="),
        ("\"bearer\"", "\"beerer\""),
        ("upstream = \"orders\"", "upstream = \"ordes\""),
        ("\"15m\"", "\"15 minutes\""),
        ("/lines/*", "/lines/*.pdf"),
        ("\"GET\"", "\"get\""),
        ("name = \"health\"", "name = \"orders\""),
        ("audiences", "# audiences"),
        ("authenticate =", "# authenticate ="),
        ("access = \"public\"", "access = \"public\"\nroles = [\"staff\"]"),
        ("origins = [\"https://app.example\"]", "origins = [\"*\"]"),
        ("origins = [\"https://app.example\"]", "origins = [\"https://app.example/\"]"),
        ("origins = [\"https://app.example\"]", "origins = [\"null\"]"),
        ("per = \"1m\"", "per = \"0s\""),
        ("*.shop.example", "*shop.example"),
        ("hosts = [\"*\"]", "hosts = [\"*\""),
        ("{ allow_for = \"30s\" }", "\"sometimes\""),
    ];
    let found = changes.map(|(from, to)| problem(|file| file.replace(from, to)));
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn a_login_elsewhere_needs_neither_provider_nor_audience() {
    let rule = |login: &str, methods: &str| {
        let text = format!(
            "[login.google]\nissuer = \"https://accounts.google.com\"\nclient_id = \"edge\"\n\
             [sessions]\nidle = \"1h\"\n\
             [[rule]]\nname = \"shop\"\nhosts = [\"*\"]\npaths = [\"/**\"]\n\
             authenticate = [{methods}]\n{login}\n"
        );
        Config::parse("gateway.toml", &text)
    };
    let config = rule("login = \"google\"", "\"session\", \"ticket\"").expect("a sound file");
    assert!(config.keeps_sessions());
    assert_eq!(config.sessions.idle, std::time::Duration::from_hours(1));
    assert_eq!(config.sessions.lifetime, std::time::Duration::from_hours(7 * 24));
    let wrong = |login, methods| rule(login, methods).expect_err("a problem").what;
    assert_eq!(wrong("", "\"session\""), "rule `shop` needs a [provider]");
    assert_eq!(wrong("login = \"google\"", "\"bearer\""), "rule `shop` needs a [provider]");
    let unknown = wrong("login = \"googel\"", "\"session\"");
    assert_eq!(unknown, "there is no [login.googel]; did you mean `google`?");
}

/// The parser itself says which keys it knows, for each table.
#[test]
fn the_reference_names_every_key() {
    let guide = include_str!("../../../../docs/guide/gateway-rules.md");
    let tables = [
        "unknown = 1",
        "[tls]\nunknown = 1",
        "[provider]\nunknown = 1",
        "[identity]\nunknown = 1",
        "[jwt]\nunknown = 1",
        "[paths]\nunknown = 1",
        "[login.a]\nunknown = 1",
        "[sessions]\nunknown = 1",
        "[store]\nunknown = 1",
        "[redis]\nunknown = 1",
        "[limits]\nunknown = 1",
        "[upstream.a]\nunknown = 1",
        "[upstream.a]\nprotocol = \"unknown\"",
        "[upstream.a]\nhost = \"unknown\"",
        "[[rule]]\nunknown = 1",
        "[[rule]]\ncors = { unknown = 1 }",
        "[[rule]]\nrate_limit = { unknown = 1 }",
        "[[rule]]\naccess = \"unknown\"",
        "[[rule]]\nauthenticate = [\"unknown\"]",
        "[[rule]]\nunauthenticated = \"unknown\"",
        "[[rule]]\nlists = \"unknown\"",
        "[[rule]]\nstreams = \"unknown\"",
        "[[rule]]\nidentity = \"unknown\"",
        "[[rule]]\nrate_limit = { by = \"unknown\" }",
    ];
    for table in tables {
        let error = toml::from_str::<file::File>(table).err().expect("an unknown word");
        let known: Vec<&str> = error.message().split('`').skip(3).step_by(2).collect();
        assert!(!known.is_empty(), "{table}: {error}");
        for word in known {
            let table = matches!(word, "rule" | "upstream" | "login");
            let named = [format!("`{word}`"), format!("\"{word}\""), format!("[{word}")];
            let named = table || named.iter().any(|text| guide.contains(text.as_str()));
            assert!(named, "the reference does not say what `{word}` is");
        }
    }
}
