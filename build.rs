//! Links the addon and puts the Lua scripts together.
//!
//! A line `--- @include name` in a script is replaced by `lua/include/name.lua`, with its
//! indentation. Comments stay: they cost nothing once a script is loaded, and help whoever reads it
//! on the server.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Includes may nest, but not for ever.
const INCLUDE_DEPTH_MAX: usize = 4;

fn main() {
    napi_build::setup();
    let lua = Path::new("src/store/redis/lua");
    println!("cargo::rerun-if-changed={}", lua.display());
    println!("cargo::rerun-if-changed={}", lua.join("include").display());
    let mut scripts: Vec<PathBuf> = fs::read_dir(lua)
        .expect("src/store/redis/lua is readable")
        .map(|entry| entry.expect("its entries are readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "lua"))
        .collect();
    scripts.sort();

    let mut rust = String::new();
    let mut names = Vec::new();
    for path in scripts {
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("script names are ASCII");
        let source = expand(&path, &lua.join("include"), 0);
        let sha1 = sha1_smol::Sha1::from(&source).digest().to_string();
        let upper = name.to_uppercase();
        let needs_memory =
            source.lines().next().is_some_and(|first| !first.contains("allow-oom") && !first.contains("no-writes"));
        writeln!(
            rust,
            "/// `lua/{name}.lua`\npub static {upper}: Script = Script {{ name: {name:?}, source: {source:?}, sha1: {sha1:?}, \
             needs_memory: {needs_memory} }};"
        )
        .expect("a string can be written to");
        names.push(upper);
    }
    writeln!(rust, "/// Every script.\npub static ALL: [&Script; {}] = [{}];", names.len(), {
        names.iter().map(|name| format!("&{name}")).collect::<Vec<_>>().join(", ")
    })
    .expect("a string can be written to");
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names OUT_DIR")).join("scripts.rs");
    fs::write(target, rust).expect("OUT_DIR is writable");
}

fn expand(path: &Path, includes: &Path, depth: usize) -> String {
    assert!(depth <= INCLUDE_DEPTH_MAX, "{} is included too deeply", path.display());
    println!("cargo::rerun-if-changed={}", path.display());
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut expanded = String::with_capacity(text.len());
    for line in text.lines() {
        match line.trim_start().strip_prefix("--- @include ") {
            Some(name) => {
                let indent = &line[..line.len() - line.trim_start().len()];
                for included in expand(&includes.join(format!("{name}.lua")), includes, depth + 1).lines() {
                    let _ = writeln!(expanded, "{indent}{included}");
                }
            }
            None => {
                let _ = writeln!(expanded, "{line}");
            }
        }
    }
    expanded
}
