//! DWARF 4 and 5 in, functions, rows and inlined calls out. Nothing else names gimli.
