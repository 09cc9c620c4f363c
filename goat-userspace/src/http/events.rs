//! `/track/events`: what changes, as it changes, by server-sent events (HTML standard, section 9.2).

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::sync::mpsc;
use tokio_stream::Stream;

use super::{App, feed::MAX_LISTENERS, problem::problem, serve::Closing};

/// Where a listener goes on: the last event's id when the browser reconnects, else what the page was rendered at.
pub(super) async fn answer(
    State(app): State<App>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    closing: Option<Extension<Closing>>,
) -> Response {
    if let Some((other, _)) = query.iter().find(|(name, _)| name != "since") {
        return problem(StatusCode::BAD_REQUEST, &format!("no parameter {other:?}: use since"));
    }
    let reconnected = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let since = reconnected.or_else(|| query.first().map(|(_, since)| since.as_str()));
    let snapshot = app.snapshots.now().await.shared();
    let Ok(events) = app.feed.listen(&snapshot, since) else {
        let detail = format!("{MAX_LISTENERS} listen already: try again later, or ask /track now and then");
        let mut refused = problem(StatusCode::SERVICE_UNAVAILABLE, &detail);
        refused.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        return refused;
    };
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // nginx would collect the events until its buffer is full.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let closing = closing.map(|Extension(closing)| Box::pin(closing.wait()) as _);
    (headers, Body::from_stream(Events { events, closing })).into_response()
}

/// What a listener gets, until it is let go or the server stops.
struct Events {
    events: mpsc::Receiver<Bytes>,
    /// `None` where there is no server that could stop.
    closing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Stream for Events {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.closing.as_mut().is_some_and(|closing| closing.as_mut().poll(context).is_ready()) {
            return Poll::Ready(None);
        }
        self.events.poll_recv(context).map(|event| event.map(Ok))
    }
}
