//! From a file's path in the repository to its package's import path, without the repository.
//!
//! The binary names its main module, and the linker's names of functions begin with their package. The module's own place in the
//! repository is where the two meet.

use std::collections::BTreeMap;

use crate::{
    paths::RepoPath,
    plan::{Dependency, ProbePlan, Status},
};

/// What a plan tells of packages.
pub(super) struct ImportPaths {
    /// By directory.
    known: BTreeMap<String, String>,
    /// The main module and its directory.
    module: Option<(String, String)>,
    dependencies: Vec<Dependency>,
}

impl ImportPaths {
    pub(super) fn new(plan: &ProbePlan) -> Self {
        let known = known(plan);
        let path = plan.identity.module.as_ref().map(|module| module.path.clone()).filter(|path| !path.is_empty());
        let module = path.map(|path| {
            let dir = known.iter().find_map(|(dir, package)| root(dir, package, &path)).unwrap_or_default();
            (path, dir.to_owned())
        });
        Self { known, module, dependencies: plan.dependencies.clone() }
    }

    /// The import path of the package that `file` is in; `None` if it is not of the binary's main module or a dependency.
    pub(super) fn package(&self, file: &RepoPath) -> Option<String> {
        if let Some((dependency, below)) = self.dependencies.iter().find_map(|d| Some((d, d.file(file)?))) {
            let below = below.rsplit_once('/').map(|(dir, _)| format!("/{dir}"));
            return Some(format!("{}{}", dependency.path, below.unwrap_or_default()));
        }
        if let Some(package) = self.known.get(file.dir()) {
            return Some(package.clone());
        }
        let (path, root) = self.module.as_ref()?;
        match below(file.dir(), root)? {
            "" => Some(path.clone()),
            rest => Some(format!("{path}/{rest}")),
        }
    }
}

/// The packages of directories with an out-of-line function among the plan's.
fn known(plan: &ProbePlan) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    for point in &plan.points {
        let (Some(file), Status::Observed(instances)) = (plan.files.get(point.file as usize), &point.status) else {
            continue;
        };
        // An inlined copy is in a function of any package, and a generic one's function in that of its type arguments too.
        let own = instances.iter().find(|instance| !instance.inlined).and_then(|i| package_of(&i.function));
        let package = match own {
            Some(package) if package == "main" => plan.identity.path.clone(),
            Some(package) => package,
            None => continue,
        };
        if !package.is_empty() {
            known.entry(file.path.dir().to_owned()).or_insert(package);
        }
    }
    known
}

/// The package in a linker's name such as `gopkg.in/yaml%2ev3.(*Decoder).Decode`.
fn package_of(symbol: &str) -> Option<String> {
    let symbol = symbol.split('[').next().unwrap_or(symbol);
    let name = symbol.rfind('/').map_or(0, |slash| slash + 1);
    let end = name + symbol.get(name..)?.find('.')?;
    Some(unescaped(&symbol[..end]))
}

/// Undoes `objabi.PathToPrefix`: dots behind the last slash, quotes, percent signs and what is not ASCII are `%xx`.
fn unescaped(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The module's directory, if the package of `dir` is one of the module `path`.
fn root<'a>(dir: &'a str, package: &str, path: &str) -> Option<&'a str> {
    match below(package, path)? {
        "" => Some(dir),
        rest if rest == dir => Some(""),
        rest => dir.strip_suffix(rest)?.strip_suffix('/'),
    }
}

/// What is left of `path` below `base`; empty for `base` itself.
fn below<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    match path.strip_prefix(base)? {
        rest if base.is_empty() => Some(rest),
        "" => Some(""),
        rest => rest.strip_prefix('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample;

    #[test]
    fn packages_are_read_from_linker_names() {
        for (symbol, expected) in [
            ("main.main", Some("main")),
            ("example.com/shop/internal/cart.(*Cart).Add", Some("example.com/shop/internal/cart")),
            ("example.com/shop/cart.Max[go.shape.int,example.com/x/y.T]", Some("example.com/shop/cart")),
            ("gopkg.in/yaml%2ev3.Unmarshal.func1", Some("gopkg.in/yaml.v3")),
            ("example.com/caf%c3%a9.F", Some("example.com/café")),
            ("example.com/a%zz.F", Some("example.com/a%zz")),
            ("_cgo_topofstack", None),
            ("", None),
        ] {
            assert_eq!(package_of(symbol).as_deref(), expected, "{symbol}");
        }
    }

    #[test]
    fn files_are_in_the_package_of_their_directory() {
        // The sample's function says where the module lies: cart.go's package is example.com/shop/cart.
        let check = |cart: &str, file: &str, expected: Option<&str>| {
            let mut plan = sample::plan();
            plan.files[0].path = cart.into();
            assert_eq!(ImportPaths::new(&plan).package(&file.into()).as_deref(), expected, "{cart} {file}");
        };
        check("cart/cart.go", "cart/other.go", Some("example.com/shop/cart"));
        check("cart/cart.go", "main.go", Some("example.com/shop"));
        check("cart/cart.go", "cmd/x/main.go", Some("example.com/shop/cmd/x"));
        check("svc/cart/cart.go", "svc/cart/cart.go", Some("example.com/shop/cart"));
        check("svc/cart/cart.go", "svc/price/price.go", Some("example.com/shop/price"));
        check("svc/cart/cart.go", "svc/main.go", Some("example.com/shop"));
        check("svc/cart/cart.go", "other/price.go", None);
    }

    #[test]
    fn dependencies_have_no_version_in_import_paths() {
        let mut plan = sample::plan();
        sample::add_dependency(&mut plan);
        let paths = ImportPaths::new(&plan);
        let check = |file: &str, expected: Option<&str>| {
            assert_eq!(paths.package(&file.into()).as_deref(), expected, "{file}");
        };
        check("example.com/Dep/v2@v2.1.0/ctl/ctl.go", Some("example.com/Dep/v2/ctl"));
        check("example.com/Dep/v2@v2.1.0/dep.go", Some("example.com/Dep/v2"));
    }

    #[test]
    fn the_main_package_has_its_import_path() {
        let mut plan = sample::plan();
        plan.files[0].path = "cmd/shopd/main.go".into();
        if let Status::Observed(instances) = &mut plan.points[0].status {
            instances[0].function = "main.run".into();
        }
        let paths = ImportPaths::new(&plan);
        assert_eq!(paths.package(&"cmd/shopd/x.go".into()).as_deref(), Some("example.com/shop/cmd/shopd"));
        assert_eq!(paths.package(&"cart/cart.go".into()).as_deref(), Some("example.com/shop/cart"));
    }
}
