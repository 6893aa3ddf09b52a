//! Every page with made-up content, to look at and to check in a browser: prints the address it
//! serves, and serves until it is stopped.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use menshen_server::config::{Config, Sources};
use menshen_server::pages::{
    AccountHome, AccountNotice, AppRow, ChooseAccount, Chrome, ClientCard, ConfirmSignOut, Consent,
    DeviceConfirm, DeviceDone, DeviceEnter, DeviceProblem, DeviceRow, DeviceVerdict, ErrorPage,
    Extent, FinishSignUp, ForgotPassword, FormPost, FormTarget, MailPurpose, MailSent, Mishap,
    NewPasswordProblem, PasswordChanged, Person, Reauthenticate, ResetPassword, SignIn,
    SignInProblem, SignUp, SignUpProblem, SignedOut, View, asset_routes,
};
use tokio::net::TcpListener;

#[path = "../src/pages/samples.rs"]
mod samples;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Arc::new(Config::load(&Sources::default())?);
    let app = Router::new()
        .route("/", get(index))
        .route("/gallery/{name}", get(page).post(page))
        .with_state(config.clone())
        .merge(asset_routes(Arc::new(config.brand.clone())));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn index() -> Html<String> {
    let names =
        samples::all(None).into_iter().map(|(name, _)| name).filter(|name| !name.is_empty());
    let rows = names.map(|name| format!("<li><a href=\"/gallery/{name}\">{name}</a></li>\n"));
    Html(format!(
        "<!doctype html>\n<title>Gallery</title>\n<ul>\n{}</ul>\n",
        rows.collect::<String>()
    ))
}

async fn page(
    State(config): State<Arc<Config>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let chrome = Chrome::read(config, &parts, samples::NOW).with_csrf("c5rf");
    match samples::all(None).into_iter().find(|(known, _)| *known == name) {
        Some((_, view)) => chrome.page(StatusCode::OK, &*view),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
