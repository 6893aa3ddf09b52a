//! What the operator wrote, what the server makes of it, and what it says when it cannot.

use std::path::Path;

use super::*;

fn load(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("menshen.toml");
    std::fs::write(&path, file).expect("a file in it");
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let sources =
        Sources { file: Some(path.clone()), environment: pairs(environment), flags: pairs(flags) };
    Config::load(&sources)
        .map_err(|error| error.to_string().replace(&path.display().to_string(), "menshen.toml"))
}

#[test]
fn without_any_configuration_there_is_a_server_on_loopback() {
    let config = load("", &[], &[]).expect("valid");
    assert_eq!(config.issuer(), "http://127.0.0.1:8080");
    assert_eq!(config.endpoint("/token"), "http://127.0.0.1:8080/token");
    assert!(config.data.is_absolute());
    assert!(config.store_url.expose().starts_with("sqlite:///"));
    assert!(config.hashing_threads >= 1);
    assert_eq!(config.hashing_cost, HashingCost::default());
    assert_eq!(config.access_token_ceiling, Duration::from_hours(12));
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let file = "listen = \"127.0.0.1:1\"\n[feed]\nheartbeat = \"2s\"\n[store]\nconnections = 3\n";
    let environment = [("MENSHEN_LISTEN", "127.0.0.1:2"), ("MENSHEN_FEED_HEARTBEAT", "500ms")];
    let config = load(file, &environment, &[("listen", "127.0.0.1:3")]).expect("valid");
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.feed_heartbeat, Duration::from_millis(500));
    assert_eq!(config.store_connections, 3);
}

#[test]
fn dotted_keys_and_tables_are_the_same() {
    for file in ["keys.rotate_every = \"90d\"", "[keys]\nrotate_every = \"90d\""] {
        let config = load(file, &[], &[]).expect("valid");
        assert_eq!(config.keys_rotate_every, Duration::from_hours(90 * 24));
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let cases = [
        (
            "\nlisten_on = \"x\"",
            "menshen.toml:2: there is no setting `listen_on`; did you mean `listen`?",
        ),
        (
            "[feed]\n\nheart_beat = \"1s\"",
            "menshen.toml:3: there is no setting `feed.heart_beat`; did you mean `feed.heartbeat`?",
        ),
        ("[zzz]\nq = 1", "menshen.toml:1: there is no setting `zzz`"),
        ("feed = 1", "menshen.toml:1: there is no setting `feed`; did you mean `feed.heartbeat`?"),
        ("listen = 8080", "menshen.toml:1: `listen` must be a string"),
        ("store.connections = \"8\"", "menshen.toml:1: `store.connections` must be a whole number"),
        (
            "store.connections = 0",
            "menshen.toml:1: `store.connections` must be a whole number from 1 to 500",
        ),
        (
            "code.lifetime = \"1 hour\"",
            "menshen.toml:1: `code.lifetime` must be a duration from 1s to 10m",
        ),
        (
            "code.lifetime = \"1h\"",
            "menshen.toml:1: `code.lifetime` must be a duration from 1s to 10m",
        ),
        ("log.format = \"xml\"", "menshen.toml:1: `log.format` must be `text` or `json`"),
        (
            "trusted_proxies = [\"a\"]",
            "menshen.toml:1: `trusted_proxies` must be networks such as `10.0.0.0/8`",
        ),
        (
            "store.url = \"mysql://x\"",
            "menshen.toml:1: `store.url` must be `sqlite:///absolute/path.db` or `postgres://..`",
        ),
        (
            "issuer = \"http://id.example\"",
            "menshen.toml:1: `issuer` must be an https URL without query, fragment and credentials; http only for loopback",
        ),
        (
            "issuer = \"https://id.example/?a=b\"",
            "menshen.toml:1: `issuer` must be an https URL without query, fragment and credentials; http only for loopback",
        ),
        (
            "keys.cached_for = \"2h\"\nkeys.rotate_every = \"2h\"",
            "menshen.toml:1: `keys.cached_for` must be shorter than `keys.rotate_every`",
        ),
        (
            "tls.certificate = \"a.pem\"",
            "defaults: `tls.private_key` must be given with `tls.certificate`",
        ),
    ];
    for (file, expected) in cases {
        assert_eq!(load(file, &[], &[]).expect_err(file), expected);
    }
    let malformed = load("listen = ", &[], &[]).expect_err("no value");
    assert!(malformed.starts_with("menshen.toml:1: "), "{malformed}");
    let twice = load("data = \"a\"\ndata = \"b\"", &[], &[]).expect_err("given twice");
    assert!(twice.starts_with("menshen.toml:2: "), "{twice}");
}

#[test]
fn unknown_variables_and_flags_are_errors_too() {
    let variable = load("", &[("MENSHEN_ISSUE", "x"), ("PATH", "y")], &[]).expect_err("unknown");
    assert_eq!(
        variable,
        "environment: there is no setting `MENSHEN_ISSUE`; did you mean `MENSHEN_ISSUER`?"
    );
    let flag = load("", &[], &[("liste", "x")]).expect_err("unknown");
    assert_eq!(flag, "command line: there is no setting `liste`; did you mean `listen`?");
    let value = load("", &[("MENSHEN_BEHIND_PROXY", "yes")], &[]).expect_err("no switch");
    assert_eq!(
        value,
        "environment variable MENSHEN_BEHIND_PROXY: `behind_proxy` must be `true` or `false`"
    );
}

#[test]
fn tokens_do_not_travel_in_the_clear() {
    let everywhere = "listen = \"0.0.0.0:80\"\n";
    let refused = load(everywhere, &[], &[]).expect_err("plain HTTP");
    assert!(
        refused.starts_with("menshen.toml:1: `listen` must be a loopback address"),
        "{refused}"
    );
    let proxied = "behind_proxy = true\ntrusted_proxies = [\"10.0.0.1\"]\n";
    let nameless = load(&format!("{everywhere}{proxied}"), &[], &[]).expect_err("no name");
    assert!(nameless.contains("`issuer` must be given"), "{nameless}");
    let file = format!("{everywhere}{proxied}issuer = \"https://id.example\"");
    assert_eq!(load(&file, &[], &[]).expect("valid").issuer(), "https://id.example");
}

#[test]
fn a_heartbeat_comes_before_a_verifier_loses_patience() {
    let refused = load("feed.heartbeat = \"3s\"", &[], &[]).expect_err("too rare");
    assert!(refused.contains("from 100ms to 2s"), "{refused}");
}

#[test]
fn the_users_behind_a_proxy_do_not_share_one_address() {
    let file = "behind_proxy = true\nissuer = \"https://id.example\"\n";
    let refused = load(file, &[], &[]).expect_err("nobody is believed");
    assert!(refused.contains("`trusted_proxies` must be given"), "{refused}");
    assert!(refused.contains("trusted_proxies = [\"10.0.0.1/32\"]"), "{refused}");
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let sources = Sources { file: Some("no/such/file.toml".into()), ..Sources::default() };
    let error = Config::load(&sources).expect_err("missing").to_string();
    assert!(error.starts_with("cannot read the configuration file no/such/file.toml"), "{error}");
}

#[test]
fn the_reference_is_a_valid_file_that_changes_nothing() {
    let given = load(&reference(), &[], &[]).expect("valid");
    let nothing = load("", &[], &[]).expect("valid");
    assert_eq!(format!("{given:?}"), format!("{nothing:?}"));
    insta::assert_snapshot!(reference());
}

#[test]
fn the_reference_uncommented_spells_out_the_defaults() {
    let uncommented: String = reference()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => rest,
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n");
    let given = load(&uncommented, &[], &[]).expect("valid");
    assert_eq!(format!("{given:?}"), format!("{:?}", load("", &[], &[]).expect("valid")));
}

#[test]
fn the_guide_says_what_the_program_does() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/configuration.md");
    let written = std::fs::read_to_string(page).expect("the page");
    assert_eq!(
        written,
        guide(),
        "docs/guide/configuration.md must hold what config::guide() gives"
    );
}

#[test]
fn a_variable_for_tests_is_no_setting() {
    load("", &[("MENSHEN_TEST_POSTGRES", "postgres://localhost")], &[]).expect("starts");
}
