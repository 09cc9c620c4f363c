//! The contract.
#![no_std]
/// Sites of one plan at most.
pub const MAX_SITES: u32 = 1 << 20;
