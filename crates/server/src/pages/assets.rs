//! `GET /assets/{name}`: stylesheet and pictures. The name carries a hash of the content, so a
//! browser may keep what it got for as long as it likes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::brand::Brand;
use crate::app::App;

/// A year, in seconds: what caches take for ever.
const CACHED: &str = "public, max-age=31536000, immutable";

/// A picture opened by itself runs nothing and fetches nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// The handler, for the router of the provider.
pub(crate) async fn get(State(app): State<App>, Path(name): Path<String>) -> Response {
    answer(std::slice::from_ref(&app.config.brand), &name)
}

/// The files of some brands by themselves, for pages shown without a provider behind them.
pub fn routes(brands: Vec<Brand>) -> Router {
    let handler = async |State(brands): State<Arc<Vec<Brand>>>, Path(name): Path<String>| {
        answer(&brands, &name)
    };
    Router::new().route("/assets/{name}", axum::routing::get(handler)).with_state(Arc::new(brands))
}

pub(super) fn answer(brands: &[Brand], name: &str) -> Response {
    let Some(asset) = brands.iter().flat_map(Brand::assets).find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, CACHED),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, asset.content.clone()).into_response()
}
