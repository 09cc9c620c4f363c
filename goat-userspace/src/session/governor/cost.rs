//! What a trap costs, by what the kernel does with the instruction.

use crate::plan::ProbeClass;

/// Nanoseconds of the CPU that a trap takes from the target.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::session) struct Cost {
    /// As it is measured: one trap after the other, and nothing in between.
    pub(in crate::session) itself: f64,
    /// With what it evicts from caches and branch predictors, which the target pays for a little later.
    pub(in crate::session) in_all: f64,
}

/// What a trap costs on this machine, measured one after the other.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::session) struct Costs {
    /// In nanoseconds, where the kernel emulates the instruction.
    pub(in crate::session) emulated: f64,
    /// In nanoseconds, where it single-steps it.
    pub(in crate::session) stepped: f64,
}

impl Costs {
    /// By the class of an instruction. A 5-byte nop costs what any other costs that is emulated, until its first hit, and less
    /// from then on.
    pub(in crate::session) fn of(&self, class: ProbeClass) -> Cost {
        let itself = match class {
            ProbeClass::Emulated | ProbeClass::Nop5 => self.emulated,
            // The entry for faults begins with an instruction that is stepped.
            ProbeClass::Stepped | ProbeClass::Fault => self.stepped,
        };
        // Among a server's own work a trap finds the kernel's code and goat's map gone from the caches: where there were 19 of them
        // in a request they cost twice what an emulated one costs by itself, and about four times that where the budget lets
        // through one in five requests; rather too much than too little.
        Cost { itself, in_all: itself + 3.0 * self.emulated }
    }
}

impl Default for Costs {
    /// As measured on a virtual machine: where that is not known yet, rather too much than too little.
    fn default() -> Self {
        Self { emulated: 700.0, stepped: 9_200.0 }
    }
}
