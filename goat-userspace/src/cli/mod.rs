//! The command line.

mod config;
