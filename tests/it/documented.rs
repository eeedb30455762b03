//! What is public in the library says what it is. Fields of which name and type say all need no more words: that is why
//! `missing_docs` is no lint here. In the command, words on arguments are its help.

use std::{
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, ImplItem, Item, ItemEnum, Type, UseTree, Visibility,
    visit::{self, Visit},
};

/// What is public in a file, and has no words.
struct Silent {
    path: String,
    reach: Reach,
    found: Vec<String>,
    seen: usize,
}

impl Silent {
    fn look(&mut self, attributes: &[Attribute], name: &impl ToString) {
        self.seen += 1;
        if !attributes.iter().any(|attribute| attribute.path().is_ident("doc")) {
            self.found.push(format!("{}: `{}`", self.path, name.to_string()));
        }
    }

    fn is_reached(&self, name: &str) -> bool {
        match &self.reach {
            Reach::All => true,
            Reach::Only(names) => names.iter().any(|one| one == name),
        }
    }

    /// The words of such a type would be part of the JSON Schema, where its own say all.
    fn is_schema(item: &ItemEnum) -> bool {
        let derives = |attribute: &&Attribute| attribute.path().is_ident("derive");
        item.attrs.iter().filter(derives).any(|derive| match &derive.meta {
            syn::Meta::List(list) => list.tokens.to_string().contains("JsonSchema"),
            _ => false,
        })
    }
}

impl Visit<'_> for Silent {
    fn visit_item(&mut self, item: &Item) {
        let (visibility, attributes, name) = match item {
            Item::Const(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Enum(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Fn(item) => (&item.vis, &item.attrs, &item.sig.ident),
            Item::Static(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Struct(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Trait(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Type(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Impl(block) if self.is_reached(&type_name(&block.self_ty)) => return visit::visit_item(self, item),
            _ => return,
        };
        if matches!(visibility, Visibility::Public(_)) && self.is_reached(&name.to_string()) {
            self.look(attributes, name);
            if let Item::Enum(item) = item
                && !Self::is_schema(item)
            {
                item.variants.iter().for_each(|variant| self.look(&variant.attrs, &variant.ident));
            }
        }
    }

    fn visit_impl_item(&mut self, item: &ImplItem) {
        match item {
            ImplItem::Const(item) if matches!(item.vis, Visibility::Public(_)) => self.look(&item.attrs, &item.ident),
            ImplItem::Fn(item) if matches!(item.vis, Visibility::Public(_)) => self.look(&item.attrs, &item.sig.ident),
            _ => {}
        }
    }
}

fn type_name(ty: &Type) -> String {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default(),
        _ => String::new(),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
            false => {}
        }
    }
    files
}

/// What others can get at of what a file has: all of it, or these names alone.
enum Reach {
    All,
    Only(Vec<String>),
}

/// Each module above it makes the next one public, or passes on what it has.
fn reach(src: &Path, path: &Path) -> Reach {
    let (folder, name) = match path.file_stem().expect("a name").to_str().expect("UTF-8") {
        "mod" => (path.parent().and_then(Path::parent), path.parent().and_then(Path::file_name)),
        _ => (path.parent(), path.file_stem()),
    };
    let (folder, name) = (folder.expect("a folder"), name.and_then(|name| name.to_str()).expect("a name"));
    if name == "lib" {
        return Reach::All;
    }
    let above = match folder == src {
        true => src.join("lib.rs"),
        false => {
            Some(folder.join("mod.rs")).filter(|path| path.exists()).unwrap_or_else(|| folder.with_extension("rs"))
        }
    };
    let text = fs::read_to_string(&above).unwrap_or_else(|error| panic!("{}: {error}", above.display()));
    let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", above.display()));
    let beyond = reach(src, &above);
    let mut passed_on = Vec::new();
    for item in &file.items {
        match item {
            Item::Mod(item) if item.ident == name && matches!(item.vis, Visibility::Public(_)) => {
                return match beyond {
                    Reach::All => Reach::All,
                    Reach::Only(names) if names.iter().any(|one| one == name) => Reach::All,
                    Reach::Only(_) => Reach::Only(Vec::new()),
                };
            }
            Item::Use(item) if matches!(item.vis, Visibility::Public(_)) => leaves(&item.tree, name, &mut passed_on),
            _ => {}
        }
    }
    if let Reach::Only(names) = beyond {
        passed_on.retain(|one| names.contains(one));
    }
    Reach::Only(passed_on)
}

/// What a `use` takes from a module.
fn leaves(tree: &UseTree, of: &str, names: &mut Vec<String>) {
    match tree {
        UseTree::Path(path) if path.ident == "self" => leaves(&path.tree, of, names),
        UseTree::Path(path) if path.ident == of => match &*path.tree {
            UseTree::Name(one) => names.push(one.ident.to_string()),
            UseTree::Group(group) => names.extend(group.items.iter().filter_map(|item| match item {
                UseTree::Name(one) => Some(one.ident.to_string()),
                _ => None,
            })),
            _ => {}
        },
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, of, names)),
        _ => {}
    }
}

#[test]
fn what_is_public_says_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut seen) = (Vec::new(), 0);
    for path in files(&root.join("src")) {
        let text = fs::read_to_string(&path).expect("the file can be read");
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let shown = path.strip_prefix(root).expect("a file of src").display().to_string();
        let is_root = ["src/lib.rs", "src/main.rs"].contains(&shown.as_str());
        let is_program = is_root || shown.starts_with("src/cli/") || shown.starts_with("src/bin/");
        if !is_root && !text.starts_with("//! ") {
            found.push(format!("{shown}: the file itself"));
        }
        if is_program {
            continue;
        }
        let reach = reach(&root.join("src"), &path);
        let mut silent = Silent { path: shown, reach, found: Vec::new(), seen: 0 };
        silent.visit_file(&file);
        found.append(&mut silent.found);
        seen += silent.seen;
    }
    assert!(found.is_empty(), "public, and without a doc comment:\n{}", found.join("\n"));
    assert!(seen > 500, "the sources are where this test looks for them: {seen}");
}
