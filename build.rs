//! Lists what the binary has of the browser's page: the files that `scripts/ui` built, and the names of its pages.
//!
//! A build without them is a whole service with a page that says how to get the real one.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the bundler leaves its files, unless the variable says otherwise.
const BUILT: &str = "web/dist/page";

/// Names the folder of the built page. The scripts set it: clones that share a target directory share what this script has
/// said as well, and only a variable tells Cargo that another clone is asking.
const BUILT_VARIABLE: &str = "STATIOND_PAGE";

/// One folder a page.
const PAGES: &str = "web/src/pages";

fn main() -> io::Result<()> {
    // The folder above exists in every clone, so that this looks again as soon as something is built.
    println!("cargo::rerun-if-changed=web/dist");
    println!("cargo::rerun-if-changed={PAGES}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={BUILT_VARIABLE}");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let built = env::var_os(BUILT_VARIABLE).map_or_else(|| root.join(BUILT), PathBuf::from);
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());

    let mut list = String::from("const ASSETS: &[Asset] = &[\n");
    for file in files(&built)? {
        entry(&mut list, &built, &file);
    }
    list.push_str("];\nconst PAGES: &[&str] = &[\n");
    for page in entries(&root.join(PAGES))?.into_iter().filter(|path| path.is_dir()) {
        let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Writing to a string cannot fail.
        let _written = writeln!(list, "    {name:?},").is_ok();
    }
    list.push_str("];\n");
    fs::write(out.join("page_assets.rs"), list)
}

/// One file with its compressed forms, which lie beside it.
fn entry(list: &mut String, built: &Path, file: &Path) {
    let name = file.strip_prefix(built).unwrap_or(file).to_string_lossy().into_owned();
    let bytes = |path: &Path| format!("include_bytes!({:?})", path.to_string_lossy());
    let form = |suffix: &str| {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        let path = PathBuf::from(path);
        match path.exists() {
            true => format!("Some({})", bytes(&path)),
            false => "None".to_owned(),
        }
    };
    let _written = writeln!(
        list,
        "    Asset {{ path: {:?}, plain: {}, gzip: {}, brotli: {} }},",
        format!("/{name}"),
        bytes(file),
        form(".gz"),
        form(".br"),
    )
    .is_ok();
}

/// Every file beneath `folder` that is not the compressed form of another; none if there is no such folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if !matches!(path.extension().and_then(|kind| kind.to_str()), Some("gz" | "br")) {
            found.push(path);
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    found.sort();
    Ok(found)
}
