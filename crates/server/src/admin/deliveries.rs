//! `/admin/deliveries`, `/admin/sessions/{id}/deliveries`: back-channel logouts on their way to
//! clients, and what became of them.

use axum::Json;
use axum::extract::State;
use menshen_domain::LogoutDelivery;
use menshen_domain::logout_delivery::DeliveryState;
use menshen_token::{ClientId, SessionId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Admin;
use super::openapi::Problem;
use crate::app::App;
use crate::error::ApiError;
use crate::json::{Paging, Path, Query, instant};

/// A back-channel logout.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryBody {
    id: String,
    /// The session that ended, or in which the client's access did.
    #[schema(value_type = String)]
    session_id: SessionId,
    /// Who is told.
    #[schema(value_type = String)]
    client_id: ClientId,
    /// Who the user is to this client.
    subject: String,
    /// `queued`, `delivered` or `abandoned`.
    state: &'static str,
    attempts: u64,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it is tried the next time; while it is queued.
    #[schema(format = DateTime)]
    due_at: Option<String>,
    /// When it was delivered or given up.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// What was in the way the last time.
    last_problem: Option<String>,
}

impl From<LogoutDelivery> for DeliveryBody {
    fn from(delivery: LogoutDelivery) -> Self {
        let queued = delivery.state == DeliveryState::Queued;
        Self {
            id: delivery.id,
            session_id: delivery.session_id,
            client_id: delivery.client_id,
            subject: delivery.subject.to_string(),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            created_at: instant(delivery.created_at),
            due_at: queued.then(|| instant(delivery.due_at)),
            finished_at: delivery.finished_at.map(instant),
            last_problem: delivery.last_problem,
        }
    }
}

/// Back-channel logouts. What is finished is known for 30 days.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    deliveries: Vec<DeliveryBody>,
    /// What to give as `after` for the next page; `null` on the last one.
    next: Option<String>,
}

/// Which deliveries are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// Only those that are `queued`, `delivered` or `abandoned`.
    state: Option<String>,
    /// The id that the page before ended with.
    after: Option<String>,
    /// The most items to give, 1 to 1,000; 100 by default.
    limit: Option<u32>,
}

/// List back-channel logouts, the newest first
#[utoipa::path(
    get, path = "/admin/deliveries", tag = "deliveries", operation_id = "list_deliveries",
    params(Part),
    responses((status = 200, body = DeliveryList), (status = "default", body = Problem))
)]
pub(crate) async fn get(
    State(app): State<App>,
    _: Admin,
    Query(part): Query<Part>,
) -> Result<Json<DeliveryList>, ApiError> {
    let state = part.state.as_deref().map(str::parse::<DeliveryState>).transpose();
    let state = state.map_err(|unknown| ApiError::Invalid(unknown.to_string()))?;
    let paging = Paging::new(part.after, part.limit);
    let deliveries = app.store.list_deliveries(state, &paging.page()?).await?;
    let next = paging.next(&deliveries, |delivery| delivery.id.clone());
    Ok(Json(DeliveryList { deliveries: bodies(deliveries), next }))
}

/// List the back-channel logouts of a session
#[utoipa::path(
    get, path = "/admin/sessions/{id}/deliveries", tag = "deliveries",
    operation_id = "list_deliveries_of_session", params(("id" = String, Path)),
    responses((status = 200, body = DeliveryList), (status = "default", body = Problem))
)]
pub(crate) async fn of_session(
    State(app): State<App>,
    _: Admin,
    Path(id): Path,
) -> Result<Json<DeliveryList>, ApiError> {
    let id: SessionId = id.parse().map_err(|_| ApiError::NotFound("session"))?;
    let deliveries = app.store.list_deliveries_of(id).await?;
    // Deliveries are known for longer than some sessions, and sessions without any are many.
    if deliveries.is_empty() && app.store.find_session(id).await?.is_none() {
        return Err(ApiError::NotFound("session"));
    }
    Ok(Json(DeliveryList { deliveries: bodies(deliveries), next: None }))
}

fn bodies(deliveries: Vec<LogoutDelivery>) -> Vec<DeliveryBody> {
    deliveries.into_iter().map(DeliveryBody::from).collect()
}
