//! Data flows one way: no two files of `src/` import each other, directly or around corners.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use syn::{Attribute, Item, ItemMod, UseTree, visit::Visit};

/// A module: the crate that it is of, and its path.
type Module = (&'static str, Vec<String>);

/// The modules of the library and of both programs, each with its file.
fn modules() -> BTreeMap<Module, String> {
    fn walk(folder: &Path, root: &Path, modules: &mut BTreeMap<Module, String>) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                walk(&path, root, modules);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(root).expect("a file of src").with_extension("");
                let parts: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
                modules.insert(module(parts), fs::read_to_string(&path).expect("the file can be read"));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = BTreeMap::new();
    walk(&root, &root, &mut modules);
    modules
}

fn module(mut parts: Vec<String>) -> Module {
    let of = match parts[0].as_str() {
        "bin" => {
            parts.drain(..2);
            "function"
        }
        "cli" | "main" => "command",
        _ => "library",
    };
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    (of, parts)
}

/// The paths that a file names, tests left out.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Visit<'_> for Paths {
    fn visit_item_mod(&mut self, item: &ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    /// `pub(super)` says who may import, not what is.
    fn visit_visibility(&mut self, _: &syn::Visibility) {}

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.tree(&mut Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }
}

impl Paths {
    fn tree(&mut self, before: &mut Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(before, &path.tree);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
            UseTree::Name(name) => self.0.push(before.iter().cloned().chain([name.ident.to_string()]).collect()),
            UseTree::Rename(name) => self.0.push(before.iter().cloned().chain([name.ident.to_string()]).collect()),
            UseTree::Glob(_) => self.0.push(before.clone()),
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|it| it == "test")
    })
}

/// The modules that each imports from.
fn imports() -> BTreeMap<Module, BTreeSet<Module>> {
    let modules = modules();
    let imports = modules.iter().map(|(module, text)| {
        let mut paths = Paths::default();
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{module:?}: {error}"));
        paths.visit_file(&file);
        let inner: BTreeSet<String> = file
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Mod(item) if item.content.is_some() => Some(item.ident.to_string()),
                _ => None,
            })
            .collect();
        let targets = paths.0.iter().filter_map(|path| target(module, path, &inner, &modules));
        (module.clone(), targets.filter(|target| target != module).collect())
    });
    imports.collect()
}

/// The file that a path leads to; `None` if it leads out of the crate, or to the file's own items.
fn target(
    (of, here): &Module,
    path: &[String],
    inner: &BTreeSet<String>,
    modules: &BTreeMap<Module, String>,
) -> Option<Module> {
    let mut base = here.clone();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {
            while let Some(("super", after)) = rest.split_first().map(|(first, after)| (first.as_str(), after)) {
                base.pop();
                rest = after;
            }
        }
        first => {
            base.push(first.to_owned());
            if inner.contains(first) || !modules.contains_key(&(of, base.clone())) {
                return None;
            }
            rest = &rest[1..];
        }
    }
    for segment in rest {
        base.push(segment.clone());
        if !modules.contains_key(&(of, base.clone())) {
            base.pop();
            break;
        }
    }
    Some((of, base))
}

/// A loop of imports, if there is one: each imports from the next, the last from the first.
fn find_loop(imports: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    fn visit(
        module: &Module,
        imports: &BTreeMap<Module, BTreeSet<Module>>,
        way: &mut Vec<Module>,
        done: &mut BTreeSet<Module>,
    ) -> Option<Vec<Module>> {
        if let Some(start) = way.iter().position(|one| one == module) {
            return Some(way[start..].to_vec());
        }
        if !done.insert(module.clone()) {
            return None;
        }
        way.push(module.clone());
        let found = imports[module].iter().find_map(|next| visit(next, imports, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|module| visit(module, imports, &mut Vec::new(), &mut done))
}

fn shown(way: &[Module]) -> String {
    way.iter().map(|(of, path)| format!("{of}: {}", path.join("::"))).collect::<Vec<_>>().join("\n  imports ")
}

#[test]
fn no_files_import_each_other_in_a_loop() {
    let imports = imports();
    let count: usize = imports.values().map(BTreeSet::len).sum();
    assert!(imports.len() > 80 && count > 200, "the imports are where this test looks for them: {count}");
    if let Some(way) = find_loop(&imports) {
        panic!("a loop:\n  {}\nWhat two files share lies below both.", shown(&way));
    }
}

/// The test above can fail.
#[test]
fn a_loop_is_found() {
    let module = |name: &str| -> Module { ("library", vec![name.to_owned()]) };
    let mut imports = BTreeMap::from([
        (module("a"), BTreeSet::from([module("b"), module("c")])),
        (module("b"), BTreeSet::from([module("c")])),
        (module("c"), BTreeSet::new()),
    ]);
    assert_eq!(find_loop(&imports), None);
    imports.insert(module("c"), BTreeSet::from([module("a")]));
    assert_eq!(find_loop(&imports).map(|way| way.len()), Some(3));

    let known = |names: &[&[&str]]| {
        let path = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        names.iter().map(|names| (("library", path(names)), String::new())).collect::<BTreeMap<_, _>>()
    };
    let modules = known(&[&[], &["plan"], &["plan", "model"], &["time"]]);
    let here: Module = ("library", vec!["plan".to_owned(), "model".to_owned()]);
    let target = |path: &str| {
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        target(&here, &path, &BTreeSet::new(), &modules).map(|(_, path)| path.join("::"))
    };
    assert_eq!(target("super::Plan").as_deref(), Some("plan"));
    assert_eq!(target("super::model::Plan").as_deref(), Some("plan::model"));
    assert_eq!(target("crate::time::Day").as_deref(), Some("time"));
    assert_eq!(target("super::super::time").as_deref(), Some("time"));
    assert_eq!(target("std::fmt"), None);
}
