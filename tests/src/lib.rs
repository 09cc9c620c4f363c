//! What goat's end-to-end tests share: the programs under test, built once; goat itself, used as a user would; and the
//! answers that the original tool recorded.
//!
//! Nothing here calls the `goat` library: the tests see the command line, the files and the HTTP answers alone.

pub mod browser;
pub mod cache;
pub mod deadline;
pub mod go;
pub mod goat;
pub mod http;
pub mod kernel;
pub mod live;
pub mod module_proxy;
pub mod original;
pub mod plan;
pub mod process;
pub mod program;
pub mod shop;
pub mod text;
pub mod tool;
pub mod track;
