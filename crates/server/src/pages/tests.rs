//! Every view in every language: complete, escaped, labeled, and under the right headers.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use axum::http::{Request, StatusCode, header};
use axum::response::Response;

use super::samples::{self, NOW};
use super::{Chrome, Language, texts};
use crate::config::{Config, Sources};

fn config(environment: &[(&str, &str)]) -> Config {
    let pairs = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let sources = Sources { environment: pairs.collect(), ..Sources::default() };
    Config::load(&sources).expect("valid")
}

fn chrome_for(config: Config, uri: &str, headers: &[(&str, &str)]) -> Chrome {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    Chrome::read(Arc::new(config), &parts, NOW).with_csrf("c5rf")
}

fn chrome(language: Language) -> Chrome {
    chrome_for(config(&[]), "/page?a=1", &[("accept-language", language.tag())])
}

/// Every sample in every language, as HTML with its name.
fn pages(hostile: Option<&str>) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for language in Language::ALL {
        let chrome = chrome(language);
        for (index, (name, view)) in samples::all(hostile).into_iter().enumerate() {
            let html = view.render(&chrome).expect("it renders");
            pages.push((format!("{name} {index} {}", language.tag()), html));
        }
    }
    pages
}

/// The tags of this name, without what is between them.
fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!("<{name}");
    let after = html.split(begin.as_str()).skip(1);
    after
        .filter_map(|rest| rest.split('>').next())
        .filter(|tag| !tag.starts_with(char::is_alphabetic))
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split(format!(" {name}=\"").as_str()).nth(1)?.split('"').next()
}

#[test]
fn every_page_has_one_heading_and_one_main() {
    for (name, html) in pages(None) {
        assert_eq!(tags(&html, "h1").len(), 1, "{name}");
        assert_eq!(tags(&html, "main").len(), 1, "{name}");
        let language = attribute(tags(&html, "html")[0], "lang").expect("a language");
        assert!(name.ends_with(language), "{name} is in {language}");
    }
}

#[test]
fn every_field_has_a_label_and_every_form_the_token() {
    for (name, html) in pages(None) {
        let labels: Vec<_> =
            tags(&html, "label").into_iter().map(|tag| attribute(tag, "for")).collect();
        for input in tags(&html, "input").into_iter().filter(|tag| !tag.contains("\"hidden\"")) {
            let labeled = attribute(input, "id").is_some_and(|id| labels.contains(&Some(id)));
            assert!(labeled || attribute(input, "aria-label").is_some(), "{name}: {input}");
            assert!(attribute(input, "autocomplete").is_some(), "{name}: {input}");
            let described = attribute(input, "aria-describedby").unwrap_or_default();
            for id in described.split_whitespace() {
                assert!(html.contains(&format!(" id=\"{id}\"")), "{name}: {input}");
            }
        }
        for form in tags(&html, "form") {
            assert_eq!(attribute(form, "method"), Some("post"), "{name}");
        }
        if !name.starts_with("form-post") {
            let tokens = html.matches("name=\"csrf\" value=\"c5rf\"").count();
            assert_eq!(tokens, tags(&html, "form").len(), "{name}");
        }
        let ids: Vec<&str> =
            html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{name}: {ids:?}");
    }
}

#[test]
fn nothing_that_people_choose_becomes_html() {
    let hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ a }}&amp;";
    for (name, html) in pages(Some(hostile)) {
        assert!(!html.contains("<script>alert"), "{name}");
        assert!(!html.contains("<img src=x"), "{name}");
        assert!(!html.contains("&amp;&amp;") && !html.contains("\"'>"), "{name}");
        let scripts = tags(&html, "script").len();
        assert_eq!(scripts, usize::from(name.starts_with("form-post")), "{name}");
        assert!(!html.contains(" style=") && !html.contains(" onload="), "{name}");
    }
}

#[test]
fn a_name_does_not_turn_our_words_around() {
    let name = "Tea\u{202e} House\u{2066}".to_owned();
    let said = chrome(Language::English).text_of("consent-title", "app", &name);
    assert_eq!(said, "Tea House asks for access to your account");
}

#[test]
fn pictures_and_styles_are_served_by_the_hash_of_their_content() {
    let brand = config(&[]).brand;
    for asset in brand.assets() {
        let response = super::assets::answer(std::slice::from_ref(&brand), &asset.name);
        let headers = response.headers();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(headers[header::CONTENT_TYPE], asset.media_type);
        assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    }
    let gone = super::assets::answer(&[brand], "pages.css");
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
}

#[test]
fn links_of_a_client_lead_to_the_web_or_nowhere() {
    let card = super::ClientCard {
        name: "x".to_owned(),
        logo: "data:image/png;base64,AA".parse().ok(),
        home: "javascript:alert(1)".parse().ok(),
        policy: "https://a.example/p".parse().ok(),
        terms: "ftp://a.example/".parse().ok(),
    };
    assert_eq!((card.logo(), card.home(), card.terms()), (None, None, None));
    assert_eq!(card.policy(), Some("https://a.example/p"));
}

fn written(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).expect("a file of ours")
}

/// The keys and the names of the arguments of a file of texts.
fn keys(source: &str) -> BTreeSet<(String, BTreeSet<String>)> {
    let mut keys = BTreeSet::new();
    let mut current: Option<(String, BTreeSet<String>)> = None;
    for line in source.lines() {
        if let Some((key, _)) =
            line.split_once(" = ").filter(|_| line.starts_with(char::is_alphabetic))
        {
            keys.extend(current.take());
            current = Some((key.to_owned(), BTreeSet::new()));
        }
        let names = line
            .split('$')
            .skip(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>());
        if let Some((_, arguments)) = &mut current {
            arguments.extend(names);
        }
    }
    keys.extend(current);
    keys
}

#[test]
fn both_languages_say_the_same_things() {
    let (english, chinese) = (keys(texts::ENGLISH), keys(texts::CHINESE));
    assert!(english.len() > 100, "found only {} texts", english.len());
    let missing: Vec<_> = english.symmetric_difference(&chinese).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for source in [texts::ENGLISH, texts::CHINESE] {
        assert!(fluent_bundle::FluentResource::try_new(source.to_owned()).is_ok());
    }
}

#[test]
fn every_text_is_used_and_every_text_used_is_there() {
    let mut code = String::new();
    for folder in ["templates", "src/pages", "src/pages/views"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(folder).expect("a folder of ours") {
            let path = entry.expect("an entry").path();
            if path.is_file() && !path.ends_with("tests.rs") && !path.ends_with("samples.rs") {
                code += &std::fs::read_to_string(path).expect("a file of ours");
            }
        }
    }
    let known: BTreeSet<String> = keys(texts::ENGLISH).into_iter().map(|(key, _)| key).collect();
    let unused: Vec<_> = known.iter().filter(|key| !code.contains(&format!("\"{key}\""))).collect();
    assert!(unused.is_empty(), "nobody says {unused:?}");
    for call in [".text(\"", ".text_of(\"", ".text_of_all(\""] {
        for used in code.split(call).skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(known.contains(used), "{used} has no text");
        }
    }
    for (name, html) in pages(None) {
        let shown =
            known.iter().find(|key| key.contains('-') && html.contains(&format!(">{key}<")));
        assert_eq!(shown, None, "{name} shows a key");
    }
}

#[test]
fn english_sentences_are_those_of_the_reasons() {
    for reason in menshen_token::Reason::ALL {
        let key = format!("reason-{}", reason.as_str().replace('_', "-"));
        assert_eq!(texts::text(Language::English, &key, None), reason.sentence());
    }
}

fn policy_of(response: &Response) -> String {
    let value = &response.headers()[header::CONTENT_SECURITY_POLICY];
    value.to_str().expect("ASCII").to_owned()
}

#[test]
fn pages_are_neither_framed_nor_cached_and_load_only_what_they_must() {
    let chrome = chrome(Language::Chinese);
    for (name, view) in samples::all(None) {
        let response = chrome.page(StatusCode::OK, &*view);
        let headers = response.headers();
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY");
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[header::CONTENT_LANGUAGE], "zh-CN");
        let policy = policy_of(&response);
        assert!(policy.starts_with("default-src 'none'; base-uri 'none'; frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(policy.contains("script-src"), name == "form-post", "{name}: {policy}");
        assert_eq!(
            policy.contains("frame-src https://tea.example"),
            name == "signed-out",
            "{name}"
        );
    }
}

#[test]
fn a_form_may_lead_to_the_client_that_asked() {
    let to = "https://tea.example/cb".parse().expect("a URL");
    let form = super::FormTarget::to("/consent").leading_to(&to);
    let view = super::Consent {
        client: super::ClientCard {
            logo: "https://pictures.example/tea.png".parse().ok(),
            ..super::ClientCard::default()
        },
        form,
        ..super::Consent::default()
    };
    let policy = policy_of(&chrome(Language::English).page(StatusCode::OK, &view));
    assert!(policy.contains("form-action 'self' https:"), "{policy}");
    assert!(policy.contains("img-src 'self' data: https://pictures.example"), "{policy}");
}

#[test]
fn the_language_switch_leads_to_the_same_page() {
    let uri = "/authorize?client_id=a&ui_locales=en&state=%26x";
    let chrome = chrome_for(config(&[]), uri, &[]);
    let expected = "/authorize?client_id=a&state=%26x&ui_locales=zh-CN".to_owned();
    assert_eq!(chrome.other_languages(), [(Language::Chinese, expected)]);
    let elsewhere = chrome.at("/sign-in");
    assert_eq!(elsewhere.other_languages()[0].1, "/sign-in?ui_locales=zh-CN");
}

#[test]
fn a_chosen_language_is_remembered() {
    let chosen = chrome_for(config(&[]), "/device?ui_locales=zh", &[]);
    let cookie = chosen.language_cookie().expect("a cookie");
    assert!(cookie.starts_with("menshen-language=zh-CN; Path=/; "), "{cookie}");
    let later = chrome_for(config(&[]), "/", &[("cookie", "a=b; menshen-language=zh-CN")]);
    assert_eq!((later.language(), later.language_cookie()), (Language::Chinese, None));
    let asked = chrome_for(config(&[]), "/", &[]).preferring(Some("fr zh"));
    assert_eq!(asked.language(), Language::Chinese);
    let chosen = chrome_for(config(&[]), "/?ui_locales=en", &[]).preferring(Some("zh"));
    assert_eq!(chosen.language(), Language::English);
}

#[test]
fn an_issuer_with_a_path_is_the_base_of_every_link() {
    let config = config(&[("MENSHEN_ISSUER", "https://id.example/door")]);
    let chrome = chrome_for(config, "/account?ui_locales=en", &[]);
    assert_eq!(chrome.path("/sign-in"), "/door/sign-in");
    assert!(chrome.stylesheet().starts_with("/door/assets/pages."));
    let cookie = chrome.language_cookie().expect("a cookie");
    assert!(cookie.contains("Path=/door/;") && cookie.ends_with("; Secure"), "{cookie}");
}

#[test]
fn the_operator_names_the_place_and_gives_it_a_logo() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let logo = folder.path().join("logo.png");
    std::fs::write(&logo, b"picture").expect("a file in it");
    let config = config(&[
        ("MENSHEN_PAGES_NAME", "Tea & Co"),
        ("MENSHEN_PAGES_LOGO", logo.to_str().expect("a path")),
        ("MENSHEN_PAGES_ACCENT", "#ffff00"),
        ("MENSHEN_PAGES_SUPPORT_LINK", "mailto:help@tea.example"),
    ]);
    let styles = config.brand.stylesheet.content.clone();
    let styles = std::str::from_utf8(&styles).expect("text");
    assert!(
        styles.starts_with(":root {\n  --accent: #ffff00;\n  --on-accent: #000000;"),
        "{styles}"
    );
    let chrome = chrome_for(config, "/", &[]);
    assert!(chrome.logo().is_some_and(|path| path.starts_with("/assets/logo.")));
    let html = super::View::render(&super::SignIn::default(), &chrome).expect("it renders");
    assert!(html.contains("Tea &#38; Co") && html.contains("href=\"mailto:help@tea.example\""));
}

#[test]
fn every_template_is_a_page_or_part_of_one() {
    let pages: String = [
        "sign_in",
        "code",
        "one_time_passwords",
        "sign_up",
        "password",
        "consent",
        "device",
        "sign_out",
        "account",
        "error",
        "form_post",
    ]
    .map(|name| written(&format!("src/pages/views/{name}.rs")))
    .concat();
    for entry in
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")).expect("ours")
    {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        let source = written(&format!("templates/{name}"));
        let extends = source.starts_with("{% extends \"layout.html\" %}");
        assert_eq!(extends, pages.contains(&format!("\"{name}\"")), "{name}");
    }
}
