//! Whole exchanges through the layer, on an axum router, without a network.

mod dpop;
mod layer;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::response::IntoResponse;
use axum::routing::get;
use menshen_verifier::Verified;
use menshen_verifier::testing::TestIssuer;
use tower::ServiceExt;

const AUDIENCE: &str = "https://api.example";

fn issuer() -> TestIssuer {
    TestIssuer::new("https://id.example", AUDIENCE)
}

async fn greet(verified: Verified) -> impl IntoResponse {
    format!("hello {}", verified.subject())
}

fn api() -> Router {
    Router::new().route("/hello", get(greet))
}

/// Status, the headers that matter, and the body, one per line.
async fn ask(api: Router, request: Request<Body>) -> String {
    let response: Response<Body> = api.oneshot(request).await.expect("infallible");
    let mut lines = vec![response.status().as_u16().to_string()];
    for name in ["www-authenticate", "retry-after"] {
        for value in response.headers().get_all(name) {
            lines.push(format!("{name}: {}", value.to_str().expect("ASCII")));
        }
    }
    let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.expect("a short body");
    lines.push(String::from_utf8(body.to_vec()).expect("text"));
    lines.join("\n").trim_end().to_owned()
}

fn with_authorization(values: &[&str]) -> Request<Body> {
    let mut request = Request::get("/hello");
    for value in values {
        request = request.header("authorization", *value);
    }
    request.body(Body::empty()).expect("a valid request")
}
