//! Which Go files of a change count.

/// The rules by which changed files are left out.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Paths, from the root, below which nothing counts: `testdata`, `vendor`, ...
    pub ignores: Vec<String>,
    /// Whether directories that hold a `go.mod` of their own are left out.
    pub skip_nested_modules: bool,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            ignores: ["vendor", "testdata", "node_modules", ".git"].map(String::from).to_vec(),
            skip_nested_modules: true,
        }
    }
}
