//! How long the parts of making a plan take, for who asks with `-v`.

use std::time::Instant;

/// Does `work` and says how long it took: also what `cargo xtask bench plan` reads.
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    tracing::info!(ms = began.elapsed().as_secs_f64() * 1e3, "{what}");
    done
}
