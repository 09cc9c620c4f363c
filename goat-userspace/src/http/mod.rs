//! The answer over HTTP: `/track`, `/metrics`, `/healthz`, `/readyz`, and a page for people.

mod serve;

use std::sync::Arc;

pub use serve::{bind, serve};

/// (to come)
pub type Error = std::io::Error;

use crate::{plan::ProbePlan, report::Report};

/// What the server asks for each answer. `session` stays out of sight: the command line joins the two.
pub trait Source: Send + Sync + 'static {
    /// The report as of now.
    fn report(&self) -> Report;
    /// Whether every probe is attached.
    fn is_ready(&self) -> bool;
    /// The plan, for the page.
    fn plan(&self) -> &ProbePlan;
}

/// The routes, answering from `source`. `component` is `GOAT_CURRENT_COMPONENT`: `/metrics` shows only that one.
pub fn router(source: Arc<dyn Source>, component: Option<String>) -> axum::Router {
    let _ = (source, component);
    axum::Router::new()
}
