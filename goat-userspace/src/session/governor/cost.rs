//! What a trap costs, by what the kernel does with the instruction.

use crate::plan::ProbeClass;

/// Nanoseconds of the CPU that a trap takes from the target.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub(in crate::session) struct Cost(pub(in crate::session) f64);

/// What a trap costs on this machine.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::session) struct Costs {
    pub(in crate::session) emulated: Cost,
    pub(in crate::session) stepped: Cost,
}

impl Costs {
    /// By the class of an instruction. A 5-byte nop costs what any other costs that is emulated, until its first hit, and less
    /// from then on.
    pub(in crate::session) fn of(&self, class: ProbeClass) -> Cost {
        match class {
            ProbeClass::Emulated | ProbeClass::Nop5 => self.emulated,
            // The entry for faults begins with an instruction that is stepped.
            ProbeClass::Stepped | ProbeClass::Fault => self.stepped,
        }
    }
}

impl Default for Costs {
    /// As measured on a virtual machine: where that is not known yet, rather too much than too little.
    fn default() -> Self {
        Self { emulated: Cost(700.0), stepped: Cost(9_200.0) }
    }
}
