//! A Go program to probe, its instructions, and plans made by hand.

#![expect(clippy::unwrap_used, reason = "in a test, what can't be set up is a failure")]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use goat::{
    addr::{FileOffset, VirtAddr},
    binary,
    lines::{LineRange, LineSet},
    plan::{AppInfo, Condition, Instance, Point, ProbeClass, ProbePlan, Site, Status},
    session::Features,
    track::Granularity,
};
use tempfile::TempDir;

/// An instruction of the program, as `go tool objdump` prints it.
#[derive(Clone, Debug)]
pub struct Instruction {
    pub address: VirtAddr,
    pub bytes: Vec<u8>,
    pub text: String,
}

/// The program, built for one test: a file of its own, so that no other test's probes are in it.
pub struct Program {
    pub path: PathBuf,
    _folder: TempDir,
}

/// Why the machine can't run these tests; `None` if it can.
pub fn missing() -> Option<String> {
    if Command::new("go").arg("version").output().is_err() {
        return Some("there is no go".into());
    }
    match Features::probe() {
        Err(e) => Some(format!("{e}")),
        Ok(features) if !features.uprobe_multi => Some(format!("Linux {} has no uprobe_multi", features.release)),
        Ok(_) if !cfg!(target_arch = "x86_64") => Some("the program's instructions are looked for on amd64".into()),
        Ok(_) => None,
    }
}

impl Program {
    pub fn build(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/session/program");
        let mut go = Command::new("go");
        go.current_dir(source).args(["build", "-buildvcs=false", "-o"]).arg(&path).args(flags).arg(".");
        let output = go.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { path, _folder: folder }
    }

    /// A copy of the program at `from`.
    #[allow(dead_code, reason = "for the bench alone")]
    pub fn copy_of(from: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        fs::copy(from, &path).unwrap();
        Self { path, _folder: folder }
    }

    /// The instructions of the functions whose names match `pattern`.
    pub fn instructions(&self, pattern: &str) -> Vec<Instruction> {
        let output = Command::new("go").args(["tool", "objdump", "-s", pattern]).arg(&self.path).output().unwrap();
        let parse = |line: &str| {
            let mut fields = line.split('\t').filter(|f| !f.is_empty());
            let (_place, address, bytes, text) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
            let address = u64::from_str_radix(address.trim().strip_prefix("0x")?, 16).ok()?;
            let bytes = bytes
                .trim()
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
            Some(Instruction { address: VirtAddr(address), bytes: bytes.collect(), text: text.trim().into() })
        };
        String::from_utf8_lossy(&output.stdout).lines().filter_map(parse).collect()
    }

    /// The instruction of `function` whose text begins with `mnemonic`.
    pub fn find(&self, function: &str, mnemonic: &str) -> Instruction {
        let all = self.instructions(&format!("^main\\.{function}$"));
        let found = all.iter().find(|i| i.text.starts_with(mnemonic));
        found.unwrap_or_else(|| panic!("no {mnemonic} in {function}: {all:#?}")).clone()
    }

    /// A plan that observes each of `sites` as a point of its own.
    pub fn plan(&self, sites: &[(Instruction, Option<u8>)]) -> ProbePlan {
        let segments = segments(&self.path);
        let site = |(instruction, condition): &(Instruction, Option<u8>)| Site {
            address: instruction.address,
            offset: offset(&segments, instruction.address),
            instruction: instruction.bytes.clone(),
            class: if instruction.bytes == [0x0f, 0x1f, 0x44, 0, 0] { ProbeClass::Nop5 } else { ProbeClass::Stepped },
            condition: condition.map(Condition),
            behind_faults: false,
            fallback: None,
        };
        let point = |slot: u32| Point {
            id: slot + 1,
            file: 0,
            span: LineRange::new(1, 1),
            lines: LineSet::new(),
            function: "".into(),
            kind: "statement".into(),
            status: Status::Observed(vec![Instance {
                function: "".into(),
                inlined: false,
                foldable: false,
                sites: vec![slot],
            }]),
            blind: Vec::new(),
        };
        ProbePlan {
            identity: binary::open(&self.path).unwrap().identity().clone(),
            app: AppInfo::default(),
            granularity: Granularity::Line,
            precision: 1,
            components: Vec::new(),
            component: None,
            dependencies: Vec::new(),
            files: Vec::new(),
            points: (0..sites.len() as u32).map(point).collect(),
            sites: sites.iter().map(site).collect(),
            fault_entry: None,
            warnings: Vec::new(),
        }
    }
}

/// Address, file offset and size of each executable segment of a 64-bit ELF file.
fn segments(path: &Path) -> Vec<(u64, u64, u64)> {
    let file = fs::read(path).unwrap();
    let number = |at: usize, len: usize| file[at..at + len].iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let (table, size, count) = (number(32, 8) as usize, number(54, 2) as usize, number(56, 2) as usize);
    let headers = (0..count).map(|i| table + i * size);
    // PT_LOAD with PF_X.
    let executable = headers.filter(|h| number(*h, 4) == 1 && number(h + 4, 4) & 1 == 1);
    executable.map(|h| (number(h + 16, 8), number(h + 8, 8), number(h + 32, 8))).collect()
}

fn offset(segments: &[(u64, u64, u64)], address: VirtAddr) -> FileOffset {
    let holds = |(start, _, size): &&(u64, u64, u64)| (*start..start + size).contains(&address.0);
    let (start, offset, _) = segments.iter().find(holds).unwrap();
    FileOffset(address.0 - start + offset)
}

/// A running program that does what it is told. Killed when dropped.
pub struct Running {
    pub child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Running {
    pub fn start(program: &Program) -> Self {
        Self::of(Command::new(&program.path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Takes over a child with piped streams, and waits until it is ready.
    pub fn of(mut child: Child) -> Self {
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut running = Self { child, input, output };
        assert_eq!(running.line(), "ready 401");
        running
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has it do `command`, and returns what it prints.
    pub fn ask(&mut self, command: &str) -> String {
        writeln!(self.input, "{command}").unwrap();
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
