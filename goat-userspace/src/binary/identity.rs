//! Who a Go binary is: build ids and the build information that `go version -m` prints.
//!
//! The build information's layout is documented in Go's debug/buildinfo and written by cmd/link/internal/ld/data.go
//! (`buildinfo`): 16 bytes of header, then since Go 1.18 two strings inline, each behind its length as a varint, and before
//! that the addresses of two string headers. The second string is framed by sentinels of 16 bytes.

use serde::{Deserialize, Serialize};

use super::{Arch, Error, object::Image};
use crate::addr::VirtAddr;

/// What tells one build from another.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Identity {
    /// Go's build id (`.note.go.buildid`), as `go tool buildid` prints it.
    pub go_build_id: Option<String>,
    /// The GNU build id (`.note.gnu.build-id`), in hex.
    pub gnu_build_id: Option<String>,
    /// The release that built it: `go1.26.8`.
    pub go_version: String,
    /// The main package's import path: `example.com/shop/cmd/shopd`.
    pub path: String,
    /// The main module.
    pub module: Option<Module>,
    /// `vcs.revision`: the commit it was built from.
    pub vcs_revision: Option<String>,
    /// `vcs.time`, as written (RFC 3339).
    pub vcs_time: Option<String>,
    /// `vcs.modified`: whether the work tree had changes.
    pub vcs_modified: Option<bool>,
    /// Every build setting, in the order of the file: `-ldflags`, `CGO_ENABLED`, `GOARCH`, ...
    pub settings: Vec<(String, String)>,
    /// `amd64` or `arm64`.
    pub arch: String,
}

/// A module and its version.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Module {
    /// Its path: `example.com/shop`.
    pub path: String,
    /// Its version: `v1.1.0`, `(devel)`.
    pub version: String,
}

/// A module that the binary was linked with, as the build information has it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dependency {
    /// The path that imports begin with, and the version that was asked for.
    pub module: Module,
    /// What was taken in its place; the path of a directory has no version, or `(devel)`.
    pub replacement: Option<Module>,
    /// The `h1:` hash of the module that was taken, as in go.sum; empty for a directory.
    pub sum: String,
}

/// The modules that the binary was linked with, the main one left out. `None` if the binary says nothing of modules.
pub(super) fn dependencies(image: &Image) -> Option<Vec<Dependency>> {
    let info = build_info(image)?.module_info;
    info.lines().any(|line| line.starts_with("mod\t") || line.starts_with("dep\t")).then(|| dependencies_of(&info))
}

fn dependencies_of(module_info: &str) -> Vec<Dependency> {
    let mut found: Vec<Dependency> = Vec::new();
    for line in module_info.lines() {
        let mut fields = line.split('\t');
        let kind = fields.next().unwrap_or_default();
        let mut field = || fields.next().unwrap_or_default().to_owned();
        match (kind, found.last_mut()) {
            ("dep", _) => {
                let module = Module { path: field(), version: field() };
                found.push(Dependency { module, replacement: None, sum: field() });
            }
            ("=>", Some(replaced)) => {
                replaced.replacement = Some(Module { path: field(), version: field() });
                replaced.sum = field();
            }
            _ => {}
        }
    }
    found
}

pub(super) fn read(image: &Image) -> Result<Identity, Error> {
    let info = build_info(image);
    let has_pclntab = [".gopclntab", ".data.rel.ro.gopclntab"].iter().any(|name| image.has_section(name));
    if info.is_none() && !has_pclntab {
        return Err(Error::NotGo { path: image.path().into() });
    }
    let mut identity = Identity {
        arch: match image.arch() {
            Arch::X86_64 => "amd64".into(),
            Arch::Aarch64 => "arm64".into(),
        },
        ..build_ids(image)
    };
    if let Some(BuildInfo { version, module_info }) = info {
        identity.go_version = version;
        module_info.lines().for_each(|line| identity.add(line));
    }
    Ok(identity)
}

/// The build ids alone: all that a file of debug information says of itself.
pub(super) fn build_ids(image: &Image) -> Identity {
    Identity {
        go_build_id: note(image, ".note.go.buildid", b"Go\0\0", NT_GO_BUILD_ID)
            .map(|id| String::from_utf8_lossy(id).into_owned()),
        gnu_build_id: note(image, ".note.gnu.build-id", b"GNU\0", NT_GNU_BUILD_ID)
            .map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect()),
        ..Identity::default()
    }
}

impl Identity {
    /// Takes in a line of the module information.
    fn add(&mut self, line: &str) {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap_or_default();
        match field() {
            "path" => self.path = field().into(),
            "mod" => self.module = Some(Module { path: field().into(), version: field().into() }),
            "build" => {
                let Some((key, value)) = line.split_once('\t').and_then(|(_, setting)| setting_of(setting)) else {
                    return;
                };
                match &*key {
                    "vcs.revision" => self.vcs_revision = Some(value.clone()),
                    "vcs.time" => self.vcs_time = Some(value.clone()),
                    "vcs.modified" => self.vcs_modified = value.parse().ok(),
                    _ => {}
                }
                self.settings.push((key, value));
            }
            // Dependencies (`dep`, `=>`) do not tell builds apart that the build id does not tell apart.
            _ => {}
        }
    }
}

/// `KEY=VALUE`, either part quoted as in Go where it holds white space, quotes or `=`.
fn setting_of(text: &str) -> Option<(String, String)> {
    let (key, rest) = match text.as_bytes().first()? {
        b'"' | b'`' => unquote(text)?,
        _ => {
            let at = text.find('=')?;
            (text[..at].to_owned(), &text[at..])
        }
    };
    let value = rest.strip_prefix('=')?;
    let value = match value.as_bytes().first() {
        Some(b'"' | b'`') => unquote(value)?.0,
        _ => value.to_owned(),
    };
    Some((key, value))
}

/// A Go string literal and what follows it. The bytes of `\x` and octal escapes are taken for UTF-8.
fn unquote(text: &str) -> Option<(String, &str)> {
    if let Some(raw) = text.strip_prefix('`') {
        return raw.split_once('`').map(|(value, rest)| (value.to_owned(), rest));
    }
    let mut rest = text.strip_prefix('"')?;
    let mut value = Vec::new();
    loop {
        let at = rest.find(['"', '\\'])?;
        value.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        if let Some(rest) = rest.strip_prefix('"') {
            return Some((String::from_utf8_lossy(&value).into_owned(), rest));
        }
        let escape = *rest.as_bytes().get(1)?;
        let (digits, radix, skip) = match escape {
            b'x' => (2, 16, 2),
            b'u' => (4, 16, 2),
            b'U' => (8, 16, 2),
            b'0'..=b'7' => (3, 8, 1),
            _ => {
                value.push(match escape {
                    b'a' => 7,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'v' => 11,
                    b'\\' | b'"' | b'\'' => escape,
                    _ => return None,
                });
                rest = rest.get(2..)?;
                continue;
            }
        };
        let number = u32::from_str_radix(rest.get(skip..skip + digits)?, radix).ok()?;
        rest = &rest[skip + digits..];
        if matches!(escape, b'u' | b'U') {
            value.extend_from_slice(char::from_u32(number)?.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            value.push(u8::try_from(number).ok()?);
        }
    }
}

/// Go's linker: `ELF_NOTE_GOBUILDID_TAG` in cmd/link/internal/ld/elf.go.
const NT_GO_BUILD_ID: u32 = 4;
const NT_GNU_BUILD_ID: u32 = 3;
/// Go's build ids have 83 bytes, GNU's 20; a linker flag may set others.
const MAX_BUILD_ID_BYTES: usize = 4096;

/// The description of the first note in `section` with this name and type.
fn note<'a>(image: &'a Image, section: &str, name: &[u8], kind: u32) -> Option<&'a [u8]> {
    let mut rest = image.section(section)?.data;
    loop {
        let (name_len, tail) = u32_of(rest)?;
        let (len, tail) = u32_of(tail)?;
        let (found_kind, tail) = u32_of(tail)?;
        let (found_name, tail) = tail.split_at_checked(name_len as usize)?;
        let tail = tail.get(padding(name_len)..)?;
        let (description, tail) = tail.split_at_checked(len as usize)?;
        if found_name == name && found_kind == kind {
            return (1..=MAX_BUILD_ID_BYTES).contains(&description.len()).then_some(description);
        }
        rest = tail.get(padding(len)..)?;
    }
}

fn u32_of(bytes: &[u8]) -> Option<(u32, &[u8])> {
    bytes.split_first_chunk().map(|(number, rest)| (u32::from_le_bytes(*number), rest))
}

/// Names and descriptions of notes fill whole words of 4 bytes.
fn padding(len: u32) -> usize {
    (len.wrapping_neg() % 4) as usize
}

struct BuildInfo {
    version: String,
    module_info: String,
}

const MAGIC: &[u8] = b"\xff Go buildinf:";
/// The header's place is a multiple of it, and it is also where the first inline string stands, twice.
const ALIGN: usize = 16;
const BIG_ENDIAN: u8 = 1;
const INLINE_STRINGS: u8 = 2;
const SENTINEL_BYTES: usize = 16;
/// Kubernetes' has some 20 kB.
const MAX_STRING_BYTES: usize = 16 << 20;

fn build_info(image: &Image) -> Option<BuildInfo> {
    let section = image.section(".go.buildinfo").map(|s| s.data);
    let section = section.filter(|data| data.starts_with(MAGIC));
    let data = section.or_else(|| {
        // As debug/buildinfo does for a file without sections.
        image.segments().filter(|segment| segment.writable && !segment.executable).find_map(|segment| {
            let at = (0..segment.data.len()).step_by(ALIGN).find(|&at| segment.data[at..].starts_with(MAGIC))?;
            Some(&segment.data[at..])
        })
    })?;
    let (&pointer_bytes, &flags) = (data.get(MAGIC.len())?, data.get(MAGIC.len() + 1)?);
    let (version, module_info) = if flags & INLINE_STRINGS != 0 {
        let (version, rest) = inline_string(data.get(2 * ALIGN..)?)?;
        (version, inline_string(rest)?.0)
    } else {
        if pointer_bytes != 8 || flags & BIG_ENDIAN != 0 {
            return None;
        }
        let pointers = data.get(ALIGN..)?;
        let string_at = |place: usize| string_header(image, pointer(pointers.get(place..)?)?);
        (string_at(0)?, string_at(8).unwrap_or_default())
    };
    let module_info = match module_info.len().checked_sub(2 * SENTINEL_BYTES) {
        // Without its sentinels the information ends with a line break.
        Some(len) if len > 0 && module_info[SENTINEL_BYTES + len - 1] == b'\n' => &module_info[SENTINEL_BYTES..][..len],
        _ => &[],
    };
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Some(BuildInfo { version: text(version), module_info: text(module_info) })
}

/// A string behind its length, and what follows it.
fn inline_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut len: u64 = 0;
    for (i, byte) in bytes.iter().enumerate().take(5) {
        len |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            let len = usize::try_from(len).ok().filter(|&len| len <= MAX_STRING_BYTES)?;
            return bytes[i + 1..].split_at_checked(len);
        }
    }
    None
}

/// The string whose header, an address and a length, stands at `addr`.
fn string_header(image: &Image, addr: u64) -> Option<&[u8]> {
    let header = image.initial_bytes(VirtAddr(addr), 16)?;
    let len = usize::try_from(pointer(&header[8..])?).ok().filter(|&len| len <= MAX_STRING_BYTES)?;
    image.initial_bytes(VirtAddr(pointer(header)?), len)
}

fn pointer(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_unquoted_as_go_quotes_them() {
        let check = |text, expected: Option<(&str, &str)>| {
            assert_eq!(setting_of(text), expected.map(|(k, v)| (k.into(), v.into())), "{text}");
        };
        check("GOARCH=amd64", Some(("GOARCH", "amd64")));
        check("-tags=", Some(("-tags", "")));
        check(r#"-ldflags="-s -w -X \"main.v=1\"""#, Some(("-ldflags", r#"-s -w -X "main.v=1""#)));
        check(r#"k="a\tb\x41\u00e9\101""#, Some(("k", "a\tbA\u{e9}A")));
        check(r#""a=b"=c"#, Some(("a=b", "c")));
        check("`a b`=`c\\d`", Some(("a b", "c\\d")));
        check(r#"k="open"#, None);
        check(r#"k="\"#, None);
        check(r#"k="\xé""#, None);
        check("novalue", None);
        check("", None);
    }

    #[test]
    fn dependencies_are_what_was_linked_and_what_it_was_replaced_by() {
        let module = |path: &str, version: &str| Module { path: path.into(), version: version.into() };
        let found = dependencies_of(
            "path\tx.org/m\nmod\tx.org/m\t(devel)\t\n=>\t../main\t(devel)\t\ndep\tx.org/a\tv1.0.0\th1:a=\n\
             dep\tx.org/b\tv1.2.0\n=>\tx.org/fork\tv0.1.0\th1:f=\ndep\tx.org/c\tv0.0.0\n=>\t./c\t(devel)\t\nbuild\tk=v\n",
        );
        let expected = [
            (module("x.org/a", "v1.0.0"), None, "h1:a="),
            (module("x.org/b", "v1.2.0"), Some(module("x.org/fork", "v0.1.0")), "h1:f="),
            (module("x.org/c", "v0.0.0"), Some(module("./c", "(devel)")), ""),
        ]
        .map(|(module, replacement, sum)| Dependency { module, replacement, sum: sum.into() });
        assert_eq!(found, expected);
    }

    #[test]
    fn the_commit_is_taken_from_the_settings() {
        let mut found = Identity::default();
        for line in [
            "path\texample.com/shop/cmd/shopd",
            "mod\texample.com/shop\tv1.1.0\th1:abc=",
            "dep\texample.com/dep\tv0.1.0\th1:def=",
            "build\t-buildmode=exe",
            "build\tvcs=git",
            "build\tvcs.revision=0123456789abcdef0123456789abcdef01234567",
            "build\tvcs.time=2026-01-02T03:04:05Z",
            "build\tvcs.modified=true",
            "build\tbroken",
            "",
        ] {
            found.add(line);
        }
        let settings = [
            ("-buildmode", "exe"),
            ("vcs", "git"),
            ("vcs.revision", "0123456789abcdef0123456789abcdef01234567"),
            ("vcs.time", "2026-01-02T03:04:05Z"),
            ("vcs.modified", "true"),
        ];
        let expected = Identity {
            path: "example.com/shop/cmd/shopd".into(),
            module: Some(Module { path: "example.com/shop".into(), version: "v1.1.0".into() }),
            vcs_revision: Some("0123456789abcdef0123456789abcdef01234567".into()),
            vcs_time: Some("2026-01-02T03:04:05Z".into()),
            vcs_modified: Some(true),
            settings: settings.map(|(key, value)| (key.into(), value.into())).into(),
            ..Identity::default()
        };
        assert_eq!(found, expected);
    }
}
