//! Where settings come from, end to end.

use crate::harness::{Home, run};

#[test]
fn the_file_gives_way_to_the_environment_and_that_to_flags() {
    let home = Home::new();
    home.write("menshen.toml", "listen = \"127.0.0.1:1001\"\ndata = \"from-file\"\n");
    let shown = home.done(&["config", "check"], "");
    assert!(shown.contains("127.0.0.1:1001") && shown.contains("/from-file"), "{shown}");

    let checked = |args: &[&str]| {
        let mut command = home.command(&["config", "check"]);
        command.env("MENSHEN_DATA", "from-environment").args(args);
        let ran = run(command, "");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stdout
    };
    let shown = checked(&[]);
    assert!(shown.contains("127.0.0.1:1001") && shown.contains("/from-environment"), "{shown}");
    let shown = checked(&["--data", "from-flag"]);
    assert!(shown.contains("127.0.0.1:1001") && shown.contains("/from-flag"), "{shown}");
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_line_and_the_likely_key() {
    let home = Home::new();
    home.write(
        "menshen.toml",
        "# ours\nlisten = \"127.0.0.1:1001\"\nisuer = \"https://a.example\"\n",
    );
    let ran = home.run(&["serve"]);
    assert_eq!(ran.code, Some(1));
    for part in ["menshen.toml:3", "isuer", "did you mean `issuer`?", "try:"] {
        assert!(ran.stderr.contains(part), "{part} is missing: {}", ran.stderr);
    }
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let ran = Home::new().run(&["config", "check", "--config", "nowhere.toml"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("nowhere.toml"), "{}", ran.stderr);
}

#[test]
fn the_reference_is_a_file_that_changes_nothing() {
    let home = Home::new();
    let before = home.done(&["config", "check"], "");
    home.write("menshen.toml", &home.done(&["config"], ""));
    assert_eq!(home.done(&["config", "check"], ""), before);
}

#[test]
fn plain_http_does_not_leave_the_machine() {
    let ran = Home::new().run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("tls.certificate"), "{}", ran.stderr);
}

#[test]
fn the_password_of_a_database_is_not_shown() {
    let home = Home::new();
    let url = "postgres://menshen:hunter2@db.example/menshen";
    let mut command = home.command(&["config", "check"]);
    command.env("MENSHEN_STORE_URL", url);
    let shown = run(command, "").stdout;
    assert!(shown.contains("PostgreSQL") && !shown.contains("hunter2"), "{shown}");
}
