//! goat's own chores.

mod bench_attach;
mod build_ebpf;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["build-ebpf"] => build_ebpf::run(),
        ["build-ebpf", "--check"] => build_ebpf::check(),
        ["bench", "attach"] => bench_attach::run(),
        _ => anyhow::bail!("usage: cargo xtask build-ebpf [--check] | bench attach"),
    }
}
