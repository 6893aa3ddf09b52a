//! Every page with made-up content, to look at and to check in a browser: prints the address it
//! serves, and serves until it is stopped.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use menshen_server::config::{Config, ConfigError, Sources};
use menshen_server::pages::{
    AccountHome, AccountNotice, AppRow, ChooseAccount, Chrome, ClientCard, CodeProblem, CodeSource,
    ConfirmSignOut, Consent, DeviceConfirm, DeviceDone, DeviceEnter, DeviceProblem, DeviceRow,
    DeviceVerdict, EnterCode, ErrorPage, Extent, FinishSignUp, ForgotPassword, FormPost,
    FormTarget, MailPurpose, MailSent, Mishap, NewPasswordProblem, OneTimePasswordsCard,
    PasswordChanged, Person, Reauthenticate, RecoveryCodes, ResetPassword, SetUpCodes, SignIn,
    SignInProblem, SignUp, SignUpProblem, SignedOut, View, asset_routes,
};
use tokio::net::TcpListener;

#[path = "../src/pages/samples.rs"]
mod samples;

/// What somebody writes who means to break the page.
const HOSTILE: &str = "\"><b>Bold</b><script>alert(1)</script> \
     Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft \u{202e}gnp";

/// A place that has made itself at home.
const BRANDED: [(&str, &str); 5] = [
    ("MENSHEN_PAGES_NAME", "Lakeside Community Library"),
    ("MENSHEN_PAGES_ACCENT", "#ffd400"),
    ("MENSHEN_PAGES_PRIVACY_LINK", "https://library.example/privacy"),
    ("MENSHEN_PAGES_TERMS_LINK", "https://library.example/terms"),
    ("MENSHEN_PAGES_SUPPORT_LINK", "mailto:help@library.example"),
];

/// The pages of the other wings that are worth a look.
const OTHER_WINGS: [&str; 5] = ["sign-in-wrong", "consent", "account", "device-confirm", "error"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (plain, branded) = (configured(&[])?, configured(&BRANDED)?);
    let app = Router::new()
        .route("/", get(index))
        .merge(wing("/gallery/{name}", None, plain.clone()))
        .merge(wing("/hostile/{name}", Some(HOSTILE), plain.clone()))
        .merge(wing("/branded/{name}", None, branded.clone()))
        .merge(asset_routes(vec![plain.brand.clone(), branded.brand.clone()]));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    axum::serve(listener, app).await?;
    Ok(())
}

fn configured(environment: &[(&str, &str)]) -> Result<Arc<Config>, ConfigError> {
    let pairs = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let sources = Sources { environment: pairs.collect(), ..Sources::default() };
    Config::load(&sources).map(Arc::new)
}

async fn index() -> Html<String> {
    let names = samples::all(None).into_iter().map(|(name, _)| name);
    let mut pages: Vec<String> =
        names.filter(|name| !name.is_empty()).map(|name| format!("gallery/{name}")).collect();
    for wing in ["hostile", "branded"] {
        pages.extend(OTHER_WINGS.map(|name| format!("{wing}/{name}")));
    }
    let rows = pages.iter().map(|page| format!("<li><a href=\"/{page}\">{page}</a></li>\n"));
    let rows: String = rows.collect();
    Html(format!("<!doctype html>\n<title>Gallery</title>\n<ul>\n{rows}</ul>\n"))
}

fn wing(path: &str, hostile: Option<&'static str>, config: Arc<Config>) -> Router {
    let page = async move |State(config), Path(name): Path<String>, request: Request| -> Response {
        let (parts, _) = request.into_parts();
        let chrome = Chrome::read(config, &parts, samples::NOW).with_csrf("c5rf");
        let chrome = if name == "account" { chrome.with_person("Lin Wei") } else { chrome };
        match samples::all(hostile).into_iter().find(|(known, _)| *known == name) {
            Some((_, view)) => chrome.page(StatusCode::OK, &*view),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    };
    Router::new().route(path, get(page).post(page)).with_state(config)
}
