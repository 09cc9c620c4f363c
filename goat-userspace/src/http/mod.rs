//! The answer over HTTP: `/track` and its events, `/metrics`, `/report`, `/verify`, `/status`, `/plan`, `/healthz`, `/readyz`,
//! and a page for people.

mod accept;
mod error;
mod events;
mod feed;
mod guard;
mod health;
mod metrics;
mod news;
mod openapi;
mod page;
mod plan;
mod problem;
mod process;
mod report;
#[cfg(test)]
mod sample;
mod serve;
mod snapshots;
mod status;
mod tls;
mod token;
mod tracing_json;
mod track;
mod verify;

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware,
    response::{IntoResponse, Redirect, Response},
    routing::{MethodRouter, any, get},
};
use tokio::sync::Semaphore;

pub use error::Error;
pub use serve::{bind, serve, serve_by};
pub use tls::{Tls, TlsError};
pub use token::{BadToken, Token};

use self::{feed::Feed, snapshots::Snapshots};
use crate::{plan::ProbePlan, report::Report, status::Status};

/// What the server asks for each answer. `session` stays out of sight: the command line joins the two.
pub trait Source: Send + Sync + 'static {
    /// The answer as of now.
    fn snapshot(&self) -> Snapshot;
    /// Whether every probe is attached.
    fn is_ready(&self) -> bool;
}

/// The answer at an instant: report and plan belong together, whatever configuration is loaded later.
#[derive(Clone)]
pub struct Snapshot {
    /// What ran.
    pub report: Report,
    /// The plan that the report is of.
    pub plan: Arc<ProbePlan>,
    /// How the tracing itself does.
    pub status: Status,
}

/// Who may ask, and for what.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `GOAT_CURRENT_COMPONENT`: `/metrics` shows only that one.
    pub component: Option<String>,
    /// What whoever asks must know.
    pub token: Option<Token>,
    /// Answer only to names of this machine: for a server that listens on loopback and has no token.
    pub local_only: bool,
    /// Whether `/metrics` has a series for each point.
    pub metrics_points: bool,
}

impl From<Option<String>> for Options {
    fn from(component: Option<String>) -> Self {
        Self { component, ..Self::default() }
    }
}

/// What every route answers from.
#[derive(Clone)]
struct App {
    source: Arc<dyn Source>,
    snapshots: Arc<Snapshots>,
    feed: Arc<Feed>,
    component: Option<Arc<str>>,
    token: Option<Arc<Token>>,
    local_only: bool,
    metrics_points: bool,
    renderings: Arc<Semaphore>,
}

/// Long answers that are written at a time: more would take the target's cores.
const MAX_RENDERINGS: usize = 2;

/// The routes, answering from `source`.
///
/// For the original's routes the method does not matter, as there, and what has no route is 404.
pub fn router(source: Arc<dyn Source>, options: impl Into<Options>) -> axum::Router {
    let options = options.into();
    let snapshots = Arc::new(Snapshots::new(Arc::clone(&source)));
    let app = App {
        source,
        feed: Arc::new(Feed::new(Arc::clone(&snapshots))),
        snapshots,
        component: options.component.map(Into::into),
        token: options.token.map(Arc::new),
        local_only: options.local_only,
        metrics_points: options.metrics_points,
        renderings: Arc::new(Semaphore::new(MAX_RENDERINGS)),
    };
    axum::Router::new()
        .route("/", any(root))
        .route("/track", any(track::answer))
        .route("/metrics", any(metrics::answer))
        .route("/track/events", only_get(get(events::answer)))
        .route("/report", only_get(get(report::answer)))
        .route("/verify", only_get(get(verify::answer)))
        .route("/status", only_get(get(status::answer)))
        .route("/plan", only_get(get(plan::answer)))
        .route("/openapi.json", only_get(get(openapi::answer)))
        .route("/healthz", any(health::alive))
        .route("/readyz", any(health::ready))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

impl App {
    /// What `write` writes, which may take long: written beside the thread that answers everyone, and not too much of it at once.
    async fn render<T: Send + 'static>(&self, write: impl FnOnce() -> T + Send + 'static) -> T {
        // The semaphore is never closed; without a permit the answer is written all the same.
        let _permit = self.renderings.acquire().await.ok();
        off_the_worker(write).await
    }
}

/// Runs `work` where it may block. A panic in it is this request's.
async fn off_the_worker<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and with it this task at its next await.
            Err(_) => std::future::pending().await,
        },
    }
}

fn only_get(route: MethodRouter<App>) -> MethodRouter<App> {
    route.fallback(async |method: Method| {
        let detail = format!("{method} does nothing here: use GET");
        let mut refused = problem::problem(StatusCode::METHOD_NOT_ALLOWED, &detail);
        refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        refused
    })
}

/// People who type the address want the page; the original has nothing here.
async fn root(headers: HeaderMap) -> Response {
    if accept::prefers_html(&headers) { Redirect::temporary("/track").into_response() } else { not_found().await }
}

/// As Go's `http.NotFound` says it.
async fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, "404 page not found\n".into())
}

/// As the original says it, but with the status that it meant.
fn invalid_component() -> Response {
    plain(StatusCode::BAD_REQUEST, "invalid component\n".into())
}

/// Text that nothing should take for anything else, nor keep: the next answer is another.
fn plain(status: StatusCode, text: String) -> Response {
    content(status, "text/plain; charset=utf-8", text)
}

fn content(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, Body::from(text.into())).into_response()
}
