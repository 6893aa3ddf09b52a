//! Answers as a form that sends itself (OAuth 2.0 Form Post Response Mode): everything in the body,
//! nothing in the address, and a script that our own policy lets run.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::authorize::{CALLBACK, come_back, redeem, request, with_web};
use crate::harness::Answer;
use crate::walk::{Shown, Walker, forms};

fn form(page: &Answer) -> Shown {
    assert_eq!((page.status, page.header("location")), (200, ""));
    let form = forms(&page.body).remove(0);
    assert_eq!(form.action, CALLBACK, "nothing in the address");
    assert!(page.body.contains("method=\"post\""), "{}", page.body);
    form
}

fn value(form: &Shown, name: &str) -> String {
    let found = form.fields.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_code_travels_in_the_body_alone() {
    let server = with_web().await;
    let page =
        come_back(&mut Walker::default(), &server, &request(&[("response_mode", "form_post")]))
            .await;
    let form = form(&page);
    assert_eq!(value(&form, "state"), "the state");
    let tokens = redeem(&server, &value(&form, "code")).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
}

#[tokio::test]
async fn errors_travel_in_the_body_too() {
    let server = with_web().await;
    let mut walker = Walker::default();
    let mode = ("response_mode", "form_post");
    for (extra, error) in [
        (("prompt", "none"), "login_required"),
        (("response_type", ""), "invalid_request"),
        (("response_type", "smoke"), "unsupported_response_type"),
        (("scope", "unheard-of"), "invalid_scope"),
    ] {
        let page = walker.get(&server, &request(&[mode, extra])).await;
        let form = form(&page);
        assert_eq!(
            (value(&form, "error").as_str(), value(&form, "state").as_str()),
            (error, "the state")
        );
    }
    let page = walker.get(&server, &request(&[mode])).await;
    let page = walker.sign_in(&server, &page).await;
    let page = walker.submit(&server, &page, "/consent", &[("decision", "deny")]).await;
    assert_eq!(value(&form(&page), "error"), "access_denied");
}

#[tokio::test]
async fn the_script_that_sends_it_is_the_only_one_that_runs() {
    let server = with_web().await;
    let silent = request(&[("response_mode", "form_post"), ("prompt", "none")]);
    let page = Walker::default().get(&server, &silent).await;
    let script = page.body.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next());
    let hash = digest::digest(&digest::SHA256, script.expect("a script").as_bytes());
    let allowed = format!("script-src 'sha256-{}'", STANDARD.encode(hash));
    assert!(page.header("content-security-policy").ends_with(&allowed));
    assert!(page.body.contains("<noscript>") || page.body.contains("<button"), "{}", page.body);
}
