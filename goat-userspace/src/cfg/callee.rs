//! Functions of Go's runtime, by what a call of them means for control flow and pointers. Their names are the same on every
//! processor.

use super::{Callee, Flow};

/// Whether a function comes back to its caller. The compiler puts nothing behind a call that does not.
pub(super) fn flow(name: &str) -> Flow {
    let Some(function) = name.strip_prefix("runtime.") else { return Flow::Call };
    match function {
        _ if function.starts_with("morestack") => Flow::MoreStack,
        "gopanic" | "throw" | "fatal" | "fatalthrow" | "block" => Flow::Panic { explicit: true },
        _ if function.starts_with("panic") || function.starts_with("goPanic") => Flow::Panic { explicit: false },
        _ => Flow::Call,
    }
}

/// Which of the functions that decide on the control flow it is.
pub(super) fn known(name: &str) -> Callee {
    match name.strip_prefix("runtime.") {
        Some("panicwrap") => Callee::PanicWrap,
        Some("deferreturn") => Callee::DeferReturn,
        Some(name) if name.starts_with("deferproc") => Callee::DeferProc,
        Some(name) if name.starts_with("gcWriteBarrier") || matches!(name, "wbZero" | "wbMove") => Callee::WriteBarrier,
        Some(name) if always_returns(name) => Callee::Returns,
        _ => Callee::Other,
    }
}

/// Whether a function of the runtime always comes back: it allocates, which kills the program where there is no memory, or looks a
/// key up whose hash can't fail. What may panic is left out (`growslice`, `makeslice`, `mapassign`), and so is what may run into memory
/// that is not there (`memmove`, `duffcopy`, `typedmemmove`).
fn always_returns(function: &str) -> bool {
    let looks_up = |prefix: &str| function.strip_prefix(prefix).is_some_and(|rest| rest.contains("_fast"));
    let allocates = matches!(
        function,
        "newobject" | "convT" | "convTnoptr" | "convT16" | "convT32" | "convT64" | "convTstring" | "convTslice"
    );
    let makes_text = function.starts_with("concatstring")
        || matches!(function, "slicebytetostring" | "stringtoslicebyte" | "stringtoslicerune" | "slicerunetostring");
    allocates || makes_text || looks_up("mapaccess1") || looks_up("mapaccess2")
}

/// Whether a function's first result is an address that is never nil.
pub(super) fn returns_memory(name: &str) -> bool {
    let Some(function) = name.strip_prefix("runtime.") else { return false };
    const ALLOCATE: &[&str] = &["newobject", "mallocgc", "makeslice", "growslice", "makemap", "makechan", "convT"];
    let looks_up = function.starts_with("mapassign") || function.starts_with("mapaccess");
    looks_up || ALLOCATE.iter().any(|name| function.starts_with(name))
}
