//! The gateway that tutorials show, in Rust: check the signature, then ask Redis whether the token
//! was revoked. Beside it, `/none` does nothing: the limit of the framework.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::Router;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use redis::aio::ConnectionManager;
use serde::Deserialize;

#[derive(Deserialize)]
struct Claims {
    sub: String,
    jti: String,
}

#[derive(Clone)]
struct App {
    key: Arc<DecodingKey>,
    validation: Arc<Validation>,
    redis: ConnectionManager,
}

async fn orders(State(app): State<App>, headers: HeaderMap) -> Result<String, StatusCode> {
    let refused = StatusCode::UNAUTHORIZED;
    let line = headers.get("authorization").and_then(|line| line.to_str().ok()).ok_or(refused)?;
    let token = line.strip_prefix("Bearer ").ok_or(refused)?;
    let claims = decode::<Claims>(token, &app.key, &app.validation).map_err(|_| refused)?.claims;
    let mut redis = app.redis.clone();
    let mut asked = redis::cmd("EXISTS");
    asked.arg(format!("revoked:{}", claims.jti));
    let revoked: bool = asked.query_async(&mut redis).await.map_err(|_| refused)?;
    if revoked { Err(refused) } else { Ok(claims.sub) }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, port, redis, key] = &arguments[..] else { panic!("<port> <redis> <key>") };
    let pem = std::fs::read(key).expect("a key");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_aud = false;
    let app = App {
        key: Arc::new(DecodingKey::from_rsa_pem(&pem).expect("an RSA key")),
        validation: Arc::new(validation),
        redis: redis::Client::open(redis.as_str())
            .expect("a URL")
            .get_connection_manager()
            .await
            .expect("a Redis"),
    };
    let router = Router::new().route("/orders", get(orders)).route("/none", get(|| async { "ok" }));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await;
    let router = router.with_state(app);
    axum::serve(listener.expect("a free port"), router).await.expect("it serves");
}
