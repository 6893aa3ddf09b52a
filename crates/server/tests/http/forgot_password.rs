//! A password that was forgotten: one mail, one link, one new password, and no word to anybody else.

use std::sync::Arc;
use std::time::Duration;

use menshen_domain::{Secret, SecretHash};
use menshen_server::config::{MailSettings, SmtpSettings, SmtpTls};
use menshen_store::{LinkPurpose, MailedLink};
use menshen_token::UserId;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;

use crate::authorize::{add_web, request};
use crate::harness::{Answer, PASSWORD, Server};
use crate::postbox::Postbox;
use crate::walk::{Walker, forms};

const ASK: &str = "/forgot-password";
const RESET: &str = "/reset-password";
const NEW: &str = "a much better password";

/// A server with `ada` and `bob`, who get mail, and the clients `app` and `web`.
async fn start() -> (Server, Postbox) {
    let postbox = Postbox::open().await;
    let server = Server::start_with(postbox.serve()).await;
    server.add_app("app", |_| ()).await;
    add_web(&server, "web").await;
    for name in ["ada", "bob"] {
        let id = server.add_user(name).await;
        give_email(&server, &id, json!({ "email": format!("{name}@mail.example") })).await;
    }
    (server, postbox)
}

async fn give_email(server: &Server, id: &UserId, claims: serde_json::Value) {
    let claims = claims.as_object().expect("an object");
    let changed = server.app.store.change_claims(id, None, Some(claims), server.now()).await;
    changed.expect("changed").expect("is somebody");
}

/// Asks for a mail on the page that the sign-in page links to.
async fn ask(walker: &mut Walker, server: &Server, name: &str) -> Answer {
    let page = walker.get(server, ASK).await;
    walker.submit(server, &page, ASK, &[("email", name)]).await
}

async fn choose(walker: &mut Walker, server: &Server, path: &str, password: &str) -> Answer {
    let page = walker.get(server, path).await;
    walker.submit(server, &page, RESET, &[("password", password)]).await
}

async fn signs_in(server: &Server, name: &str, password: &str) -> bool {
    let mut walker = Walker::default();
    let page = walker.get(server, "/sign-in").await;
    let fields = [("username", name), ("password", password)];
    walker.submit(server, &page, "/sign-in", &fields).await.status == 303
}

#[tokio::test]
async fn a_mailed_link_leads_to_a_new_password_and_back_to_the_app() {
    let (server, mut postbox) = start().await;
    let phone = server.sign_in().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &request(&[])).await;
    let link = page.body.split("href=\"").find(|rest| rest.starts_with(ASK)).expect("a link");
    let link = link.split('"').next().expect("an end").replace("&#38;", "&");
    let page = walker.get(&server, &link).await;
    let sent = walker.submit(&server, &page, ASK, &[("email", " Ada ")]).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    assert!(sent.body.contains("The link is good for 30 minutes."), "{}", sent.body);

    let mail = postbox.next().await;
    assert_eq!(mail.from, "MAIL FROM:<login@id.example>");
    assert_eq!(mail.to, "RCPT TO:<ada@mail.example>");
    assert_eq!(mail.subject(), "Choose a new password for Menshen");
    assert!(mail.headers.contains("From: Menshen <login@id.example>"), "{}", mail.headers);
    assert!(mail.headers.contains("Auto-Submitted: auto-generated"), "{}", mail.headers);
    for part in ["your account ada at Menshen", "good for 30 minutes", "If this was not you"] {
        assert!(mail.text.contains(part), "{}", mail.text);
    }
    // Programs that look at mail open the link first, and somebody with another browser.
    let path = mail.path();
    for _ in 0..3 {
        let page = Walker::default().get(&server, &path).await;
        assert_eq!((page.status, page.header("referrer-policy")), (200, "no-referrer"));
        assert_eq!(page.header("cache-control"), "no-store");
    }
    let mut walker = Walker::default();
    for (password, sentence) in [("short", "at least 8"), (&"x".repeat(1025), "too long")] {
        let answer = choose(&mut walker, &server, &path, password).await;
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(sentence), "{}", answer.body);
    }
    assert_eq!(server.userinfo(&phone.access).await.status, 200);
    let changed = choose(&mut walker, &server, &path, NEW).await;
    assert!(changed.body.contains("Your password is changed"), "{}", changed.body);
    assert!(changed.body.contains("href=\"/authorize?"), "{}", changed.body);
    let refused = server.refresh(&phone.refresh).await;
    assert_eq!(refused.verdict(), "400 invalid_grant password_changed");
    assert!(signs_in(&server, "ada", NEW).await && !signs_in(&server, "ada", PASSWORD).await);
    let again = walker.get(&server, &path).await;
    assert_eq!(again.status, 400);
    assert!(again.body.contains("This link is no longer good"), "{}", again.body);
}

#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let (server, mut postbox) = start().await;
    let carol = server.add_user("carol").await;
    give_email(&server, &carol, json!({ "email": "c@mail.example", "email_verified": false }))
        .await;
    let dan = server.add_user("dan").await;
    give_email(&server, &dan, json!({ "email": "dan@mail.example" })).await;
    server.app.store.disable_user(&dan, server.now()).await.expect("disabled");
    let mut walker = Walker::default();
    let page = walker.get(&server, ASK).await;
    let mut seen = Vec::new();
    // Unknown, without a way to get mail, barred; and at last somebody who gets one.
    for name in ["zoe", "zoe@mail.example", "carol", "dan", "ada"] {
        let before = server.draws();
        let answer = walker.submit(&server, &page, ASK, &[("email", name)]).await;
        let work = server.draws() - before;
        assert_eq!(answer.status, 200, "{name}");
        seen.push((answer.body.replace(name, "<name>"), answer.headers.len(), work));
    }
    assert!(seen.iter().all(|other| *other == seen[0]), "{seen:?}");
    assert_eq!(postbox.next().await.to, "RCPT TO:<ada@mail.example>");
    assert!(postbox.is_empty());
    // A link is kept for each of them, up to the same number.
    for (name, address) in [("zoe", "zoe"), ("ada", "ada@mail.example")] {
        for _ in 0..4 {
            walker.submit(&server, &page, ASK, &[("email", name)]).await;
        }
        let link = MailedLink {
            hash: SecretHash::of(name.as_bytes()),
            address: address.to_owned(),
            purpose: LinkPurpose::ResetPassword { user_id: None, sign_in_epoch: 0 },
            next: None,
            expires_at: server.now() + Duration::from_secs(1),
        };
        let kept = server.app.store.keep_mailed_link(&link, server.now()).await;
        assert!(!kept.expect("said"), "{name}");
    }
}

#[tokio::test]
async fn whoever_asks_too_often_has_to_wait_and_whoever_signs_in_does_not() {
    let (server, mut postbox) = start().await;
    let mut walker = Walker::default();
    let mut statuses = Vec::new();
    for name in ["ada", "eve"] {
        let mut answers = Vec::new();
        for _ in 0..12 {
            let answer = ask(&mut walker, &server, name).await;
            assert!(answer.status == 200 || answer.body.contains("Too many attempts"));
            answers.push(answer.status);
        }
        statuses.push(answers);
    }
    assert!(statuses[0].contains(&429), "{statuses:?}");
    assert_eq!(statuses[0], statuses[1]);
    assert!(signs_in(&server, "ada", PASSWORD).await);
    // The other way round: guesses do not stand in the way of the link.
    for _ in 0..8 {
        signs_in(&server, "bob", "a guess").await;
    }
    assert_eq!(ask(&mut walker, &server, "bob").await.status, 200);
    while postbox.next().await.to != "RCPT TO:<bob@mail.example>" {}
}

#[tokio::test]
async fn a_link_dies_of_age_and_of_what_ends_everything() {
    let (server, mut postbox) = start().await;
    let mut walker = Walker::default();
    ask(&mut walker, &server, "ada").await;
    let old = postbox.next().await.path();
    server.advance(Duration::from_mins(29));
    assert_eq!(walker.get(&server, &old).await.status, 200);
    ask(&mut walker, &server, "ada").await;
    let first = postbox.next().await.path();
    server.advance(Duration::from_mins(1));
    assert_eq!(walker.get(&server, &old).await.status, 400);
    ask(&mut walker, &server, "ada").await;
    let second = postbox.next().await.path();
    let page = walker.get(&server, &second).await;
    assert_eq!(choose(&mut walker, &server, &first, NEW).await.status, 200);
    let late = walker.submit(&server, &page, RESET, &[("password", "another password")]).await;
    assert_eq!(late.status, 400, "{}", late.body);
    assert!(late.body.contains("This link is no longer good"));
    assert!(signs_in(&server, "ada", NEW).await);
}

#[tokio::test]
async fn a_foreign_link_or_form_changes_nothing() {
    let (server, mut postbox) = start().await;
    let mut walker = Walker::default();
    ask(&mut walker, &server, "ada").await;
    let path = postbox.next().await.path();
    let (longer, shorter) = (format!("{path}A"), &path[..path.len() - 1]);
    let foreign =
        ["?token=", "?token=x", "?token=a&token=b"].map(|query| format!("{RESET}{query}"));
    let [first, second, third] = &foreign;
    for foreign in [RESET, first, second, third, &longer, shorter] {
        let answer = walker.get(&server, foreign).await;
        assert_eq!(answer.status, 400, "{foreign}");
    }
    let page = walker.get(&server, &path).await;
    let mut other = Walker::default();
    let foreign = other.get(&server, ASK).await;
    let foreign = forms(&foreign.body)[0].fields[0].1.clone();
    for csrf in ["", &foreign] {
        let fields = [("csrf", csrf), ("password", NEW)];
        assert_eq!(walker.submit(&server, &page, RESET, &fields).await.status, 403);
        let asking = walker.get(&server, ASK).await;
        let fields = [("csrf", csrf), ("email", "bob")];
        assert_eq!(walker.submit(&server, &asking, ASK, &fields).await.status, 403);
    }
    let guess = Secret::from_random([7; 32]);
    let fields = [("token", guess.expose()), ("password", NEW)];
    let before = server.draws();
    assert_eq!(walker.submit(&server, &page, RESET, &fields).await.status, 400);
    assert_eq!(server.draws(), before + 1, "only the error is numbered; nothing is hashed");
    assert!(signs_in(&server, "ada", PASSWORD).await && postbox.is_empty());
    for empty in ["", " ", "a\u{7}b"] {
        let answer = ask(&mut walker, &server, empty).await;
        assert_eq!(answer.status, 400, "{empty}");
    }
}

#[tokio::test]
async fn a_mail_is_in_the_language_of_the_page() {
    let (server, mut postbox) = start().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, &format!("{ASK}?ui_locales=zh-CN")).await;
    walker.submit(&server, &page, ASK, &[("email", "ada")]).await;
    let mail = postbox.next().await;
    assert_eq!(mail.subject(), "\u{4e3a} Menshen \u{8bbe}\u{7f6e}\u{65b0}\u{5bc6}\u{7801}");
    assert!(mail.text.contains("\u{5982}\u{679c}\u{4e0d}\u{662f}\u{4f60}\u{672c}\u{4eba}"));
    assert_eq!(walker.get(&server, &mail.path()).await.status, 200);
}

#[tokio::test]
async fn a_mail_server_that_stumbles_is_asked_again() {
    let mut postbox = Postbox::that_says(&["451 later", "452 full", "550 nobody here"]).await;
    let settings = SmtpSettings {
        credentials: Some(("menshen".to_owned(), Secret::new("p:w".to_owned()))),
        ..postbox.settings()
    };
    let with = |config: &mut menshen_server::Config| {
        config.mail = MailSettings::Smtp(Box::new(settings));
    };
    let server = Server::start_with(with).await;
    for name in ["ada@mail.example", "bob@mail.example"] {
        server.add_user(name).await;
    }
    let mut walker = Walker::default();
    // Twice put off, then refused for good.
    ask(&mut walker, &server, "ada@mail.example").await;
    let deadline = tokio::time::timeout(Duration::from_secs(30), async {
        while !postbox.has_refused_all() {
            tokio::task::yield_now().await;
        }
    });
    deadline.await.expect("tried again");
    ask(&mut walker, &server, "bob@mail.example").await;
    let mail = postbox.next().await;
    assert_eq!(mail.to, "RCPT TO:<bob@mail.example>");
    assert_eq!(mail.credentials.as_deref(), Some("\0menshen\0p:w"));
    assert!(postbox.is_empty());
}

#[tokio::test]
async fn a_mail_goes_only_to_a_server_that_can_be_trusted() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.expect("versions").with_no_client_auth();
    let tls = tls.with_single_cert(vec![cert.der().clone()], key).expect("a server");
    let mut postbox = Postbox::behind(Arc::new(tls).into()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, cert.pem()).expect("written");
    for (name, ca) in [("stranger@mail.example", None), ("friend@mail.example", Some(ca))] {
        let settings = SmtpSettings {
            host: "localhost".to_owned(),
            tls: SmtpTls::Implicit,
            ..postbox.settings()
        };
        let with = |config: &mut menshen_server::Config| {
            config.mail = MailSettings::Smtp(Box::new(settings));
            config.outbound.ca = ca;
        };
        let server = Server::start_with(with).await;
        server.add_user(name).await;
        assert_eq!(ask(&mut Walker::default(), &server, name).await.status, 200);
    }
    assert_eq!(postbox.next().await.to, "RCPT TO:<friend@mail.example>");
}

#[tokio::test]
async fn a_dead_mail_server_holds_up_nobody() {
    // It is listened to, but nobody answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let postbox = Postbox::open().await;
    let settings = SmtpSettings { port, ..postbox.settings() };
    let with = |config: &mut menshen_server::Config| {
        config.mail = MailSettings::Smtp(Box::new(settings));
    };
    let server = Server::start_with(with).await;
    server.add_user("ada@mail.example").await;
    let mut walker = Walker::default();
    for _ in 0..4 {
        assert_eq!(ask(&mut walker, &server, "ada@mail.example").await.status, 200);
    }
    drop(silent);
}

#[tokio::test]
async fn without_mail_nothing_is_offered() {
    let server = Server::with_ada().await;
    let mut walker = Walker::default();
    let page = walker.get(&server, "/sign-in").await;
    assert!(!page.body.contains(ASK) && !page.body.contains("/sign-up"), "{}", page.body);
    let csrf = &forms(&page.body)[0].fields[0].1;
    for path in [ASK, RESET, "/sign-up", "/finish-sign-up"] {
        let page = walker.get(&server, path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.body.contains("There is nothing here"), "{}", page.body);
        let fields = [("csrf", csrf.as_str()), ("email", "ada")];
        assert_eq!(walker.post(&server, path, &fields).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn an_outage_is_said_to_be_one() {
    let (server, mut postbox) = start().await;
    let mut walker = Walker::default();
    ask(&mut walker, &server, "ada").await;
    let path = postbox.next().await.path();
    let reset = walker.get(&server, &path).await;
    let asking = walker.get(&server, ASK).await;
    server.app.store.clone().close().await;
    for answer in [
        walker.get(&server, &path).await,
        walker.submit(&server, &reset, RESET, &[("password", NEW)]).await,
        walker.submit(&server, &asking, ASK, &[("email", "ada")]).await,
        walker.submit(&server, &asking, ASK, &[("email", "eve")]).await,
    ] {
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(!answer.body.contains("no longer good"));
    }
}
