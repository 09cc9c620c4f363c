//! A function's machine code in, its basic blocks out.
