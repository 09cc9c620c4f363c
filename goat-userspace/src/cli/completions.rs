//! `goat completions`: what a shell needs to complete goat's command line.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::aot;

use super::{
    args::{Cli, CompletionsArgs, Shell},
    say,
};

pub(super) fn run(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    say::print(&script(args.shell))?;
    Ok(ExitCode::SUCCESS)
}

fn script(shell: Shell) -> String {
    let shell = match shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Zsh => aot::Shell::Zsh,
        Shell::Fish => aot::Shell::Fish,
    };
    let mut script = Vec::new();
    aot::generate(shell, &mut Cli::command(), "goat", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn every_command_is_completed_in_every_shell() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell:?}: no {}", command.get_name());
            }
        }
    }

    #[test]
    fn the_shells_understand_their_scripts() {
        for (shell, program) in [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")] {
            let mut command = Command::new(program);
            let Ok(mut child) = command.args(["-n", "/dev/stdin"]).stdin(Stdio::piped()).spawn() else {
                eprintln!("skipped: there is no {program}");
                continue;
            };
            child.stdin.take().unwrap().write_all(script(shell).as_bytes()).unwrap();
            assert!(child.wait().unwrap().success(), "{program} does not parse its script");
        }
    }

    #[test]
    fn bash_completes_commands_and_options() {
        let check = |words: &str, expected: &[&str]| {
            let list: Vec<&str> = words.split(' ').collect();
            let (last, quoted) = (list.len() - 1, list.join("' '"));
            let (word, previous) = (list[last], list[last - 1]);
            let ask = format!(
                "{}\nCOMP_WORDS=('{quoted}'); COMP_CWORD={last}; _goat goat '{word}' '{previous}'; \
                 printf '%s\\n' \"${{COMPREPLY[@]}}\"",
                script(Shell::Bash)
            );
            let Ok(output) = Command::new("bash").args(["--norc", "-c", &ask]).output() else {
                eprintln!("skipped: there is no bash");
                return;
            };
            let replies = String::from_utf8_lossy(&output.stdout);
            let mut replies: Vec<&str> = replies.lines().collect();
            replies.sort_unstable();
            assert_eq!(replies, expected, "{words}: {}", String::from_utf8_lossy(&output.stderr));
        };
        check("goat comp", &["completions"]);
        check("goat doctor --p", &["--pid"]);
        check(
            "goat completions ",
            &["--config", "--help", "--verbose", "--version", "-V", "-h", "-v", "bash", "fish", "zsh"],
        );
    }
}
