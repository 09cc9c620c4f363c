//! What the demo's shoppers ask for.

use anyhow::{Context, Result};

/// Shoppers who are no members, in countries that v1.0.0 knew.
pub(super) const ROUND_1: &[&str] = &[
    "/quote?items=3&cents=500&country=de",
    "/quote?items=1&cents=1999&country=at",
    "/quote?items=12&cents=250&country=de",
    "/quote?items=2&cents=500&country=mars",
];

/// What v1.1.0 is there for.
pub(super) const ROUND_2: &[&str] = &[
    "/quote?items=3&cents=500&country=de&member=1",
    "/quote?items=3&cents=500&country=fr&member=7",
    "/quote?items=14&cents=90&country=it&express=yes",
    "/refund?cents=1500&days=3",
    "/refund?cents=1500&days=20",
];

/// Sends each request to the service at `address`; returns how many. An answer of any status is an answer.
pub(super) fn send(address: &str, requests: &[&str]) -> Result<usize> {
    let agent = agent();
    for request in requests {
        agent.get(format!("http://{address}{request}")).call().with_context(|| format!("no answer to {request}"))?;
    }
    Ok(requests.len())
}

/// A client that reaches loopback addresses, whatever proxy the environment names.
pub(super) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().proxy(None).http_status_as_error(false).build().into()
}
