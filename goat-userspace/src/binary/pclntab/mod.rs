//! Go's own function and line tables (runtime/symtab.go), which stripped binaries keep.
