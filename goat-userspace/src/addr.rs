//! Addresses in a binary, each number with its base in its type.
//!
//! A virtual address and a file offset are both `u64`s, and in the simplest binaries they differ by a constant, so that
//! mixing them works until it meets a harder binary. There is no arithmetic between the two types: the only way from
//! one to the other is [`crate::binary::Binary::file_offset`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// An address as the ELF file states it, before any load bias.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VirtAddr(pub u64);

/// A byte's position in the ELF file: what the kernel takes as a uprobe's place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileOffset(pub u64);

impl VirtAddr {
    /// The address `bytes` further on, or `None` past the end of the address space.
    pub fn checked_add(self, bytes: u64) -> Option<Self> {
        self.0.checked_add(bytes).map(Self)
    }

    /// How many bytes `self` lies behind `base`, or `None` if it lies before it.
    pub fn offset_from(self, base: Self) -> Option<u64> {
        self.0.checked_sub(base.0)
    }
}

/// A half-open range of virtual addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AddrRange {
    /// First address in the range.
    pub low: VirtAddr,
    /// First address behind the range.
    pub high: VirtAddr,
}

impl AddrRange {
    /// Whether `addr` lies in the range.
    pub fn contains(&self, addr: VirtAddr) -> bool {
        self.low <= addr && addr < self.high
    }
}

macro_rules! hex {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

hex!(VirtAddr);
hex!(FileOffset);
