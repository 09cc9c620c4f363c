//! What can go wrong between a plan and the kernel.

/// Why probes could not be attached.
#[derive(Debug, thiserror::Error)]
pub enum Error {}
