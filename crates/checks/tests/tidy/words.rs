//! What the text of the code may not say, or may say only in one place.

use crate::hold;
use crate::tree::{File, Tree};

#[test]
fn every_todo_names_its_issue() {
    hold(
        names_its_issue,
        &[
            &[("crates/token/src/a.rs", concat!("// TO", "DO: later"))],
            &[("crates/token/src/a.rs", concat!("// FIX", "ME"))],
        ],
    );
}

fn names_its_issue(tree: &Tree) -> Vec<String> {
    let (todo, fixme) = (concat!("TO", "DO"), concat!("FIX", "ME"));
    let issue = format!("{todo}(#");
    let nameless = |line: &str| {
        line.contains(fixme) || line.matches(todo).count() > line.matches(&issue).count()
    };
    each_line(tree.rust(), nameless, "leaves something undone without an issue")
}

#[test]
fn nothing_is_switched_off() {
    hold(
        is_switched_on,
        &[
            &[("crates/token/src/a/tests.rs", "#[ignore]\nfn a() {}")],
            &[("crates/token/src/a.rs", concat!("todo", "!()"))],
        ],
    );
}

fn is_switched_on(tree: &Tree) -> Vec<String> {
    let off = [concat!("#[ign", "ore"), concat!("todo", "!("), concat!("unimplem", "ented!(")];
    let files = tree.rust().filter(|file| !file.path.ends_with("tests/tidy/words.rs"));
    each_line(files, |line| off.iter().any(|word| line.contains(word)), "is switched off")
}

#[test]
fn tests_wait_for_a_condition_and_never_for_a_time() {
    hold(
        waits_for_a_condition,
        &[
            &[("crates/a/tests/b.rs", "thread::sleep(SECOND);")],
            &[("crates/a/src/b.rs", "#[cfg(test)]\nmod tests {\nsleep(SECOND).await;\n}")],
        ],
    );
}

/// Looking again after a while is how a condition is awaited; the helper that does so says
/// `deadline` within a few lines of its pause.
fn waits_for_a_condition(tree: &Tree) -> Vec<String> {
    let pause = concat!("sle", "ep(");
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| !file.path.ends_with("tests/tidy/words.rs")) {
        let shipped = file.shipped_lines().count();
        let lines: Vec<&str> = file.text.lines().collect();
        for (index, _) in lines.iter().enumerate().filter(|(_, line)| line.contains(pause)) {
            let around = &lines[index.saturating_sub(8)..(index + 8).min(lines.len())];
            if index >= shipped && !around.iter().any(|line| line.contains("deadline")) {
                found.push(format!("{}:{} sleeps", file.path, index + 1));
            }
        }
    }
    found
}

#[test]
fn no_path_belongs_to_one_machine() {
    let sample = concat!("see /ho", "me/somebody/menshen");
    hold(
        belongs_to_no_machine,
        &[&[("docs/a.md", sample)], &[("crates/a/src/b.rs", concat!("\"/wo", "rk/main\""))]],
    );
}

fn belongs_to_no_machine(tree: &Tree) -> Vec<String> {
    let machine = [
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        concat!("/tmp", "/t-"),
    ];
    let named = |line: &str| machine.iter().any(|path| line.contains(path));
    each_line(tree.files.iter(), named, "names a path of one machine")
}

/// The codes of RFC 6749, 6750, 7591, 8628, 8707, 9449 and First-Party Applications that the protocol defines.
const ERROR_CODES: &[&str] = &[
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_request_object",
    "invalid_request_uri",
    "request_not_supported",
    "access_denied",
    "insufficient_authorization",
    "invalid_session",
    "temporarily_unavailable",
    "server_error",
    "invalid_token",
    "insufficient_scope",
    "invalid_dpop_proof",
    "use_dpop_nonce",
    "unsupported_response_type",
    "login_required",
    "consent_required",
    "unmet_authentication_requirements",
    "invalid_redirect_uri",
    "invalid_client_metadata",
    "unapproved_software_statement",
    "authorization_pending",
    "expired_token",
    "invalid_target",
];

/// The one file of each room that may spell an error code.
const ERROR_FILES: &[(&str, &str)] =
    &[("server", "crates/server/src/error.rs"), ("verifier", "crates/verifier/src/rejection.rs")];

#[test]
fn each_room_spells_error_codes_in_one_file() {
    let slip = "fn refuse() {\n    answer(\"invalid_grant\")\n}";
    hold(
        spells_codes_once,
        &[
            &[("crates/server/src/oauth/token.rs", slip)],
            &[("crates/verifier/src/layer.rs", "const CODE: &str = \"invalid_token\";")],
        ],
    );
}

fn spells_codes_once(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for file in tree.rust() {
        let owner = ERROR_FILES.iter().find(|(room, _)| file.room() == Some(room));
        if owner.is_none_or(|(_, owner)| file.path == *owner) {
            continue;
        }
        for (number, line) in code_lines(file) {
            if let Some(code) = ERROR_CODES.iter().find(|code| line.contains(**code)) {
                found.push(format!("{}:{number} spells {code}", file.path));
            }
        }
    }
    found
}

#[test]
fn one_file_turns_errors_into_responses() {
    hold(
        has_one_way_out,
        &[&[("crates/server/src/oauth/token.rs", "impl IntoResponse for TokenError {\n")]],
    );
}

fn has_one_way_out(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| !file.is_test()) {
        for (number, line) in code_lines(file) {
            let named = line.split("IntoResponse for ").nth(1).unwrap_or_default();
            let is_error = named.contains("Error") || named.contains("Rejection");
            let owned = |owner: &str| file.path.starts_with(owner.trim_end_matches(".rs"));
            if is_error && !ERROR_FILES.iter().any(|(_, owner)| owned(owner)) {
                found.push(format!("{}:{number} is a second way out", file.path));
            }
        }
    }
    found
}

#[test]
fn a_gateway_asks_after_the_life_of_tokens_in_one_place() {
    let slip = "let token = verifier.admit(presented, required.when_stale).await?;";
    hold(admits_in_one_place, &[&[("crates/gateway/src/credentials/bearer.rs", slip)]]);
}

/// A token that is admitted past that place is not held to the lists of its rule.
fn admits_in_one_place(tree: &Tree) -> Vec<String> {
    let elsewhere = tree.rust().filter(|file| {
        file.path.starts_with("crates/gateway/src/") && !file.path.ends_with("/liveness.rs")
    });
    let calls = ["verifier.admit(", "verifier.admit_by(", ".verify_presented("];
    let offends = |line: &str| calls.iter().any(|call| line.contains(call));
    each_line(elsewhere, offends, "asks the verifier by itself; call Gateway::admit")
}

fn code_lines(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.shipped_lines().filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn each_line<'a>(
    files: impl Iterator<Item = &'a File>,
    offends: impl Fn(&str) -> bool,
    offence: &str,
) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (number, _) in file.lines().filter(|(_, line)| offends(line)) {
            found.push(format!("{}:{number} {offence}", file.path));
        }
    }
    found
}
