//! Embeds the scenario and target files, and the version of rustls that the embedded target is built on.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());

    let scenarios = files(&root.join("scenarios"), true)?;
    let (plans, scenarios) = scenarios
        .into_iter()
        .partition(|file| file.starts_with(root.join("scenarios/bench")));
    embed(&root.join("scenarios"), scenarios, "scenarios", None, &out)?;
    embed(&root.join("scenarios/bench"), plans, "bench", None, &out)?;
    for (folder, file, constant) in [
        ("targets", "targets", "DESCRIPTORS"),
        ("targets/stack", "stacks", "STACKS"),
    ] {
        let folder = root.join(folder);
        embed(&folder, files(&folder, false)?, file, Some(constant), &out)?;
    }

    let lock = fs::read_to_string(root.join("Cargo.lock"))?;
    println!(
        "cargo::rustc-env=MTLS_GAUNTLET_RUSTLS_VERSION={}",
        version_of(&lock, "rustls")
    );
    println!("cargo::rerun-if-changed=Cargo.lock");
    Ok(())
}

/// Writes `<file>.rs`: the name and text of each of these files, as an expression or a constant.
fn embed(
    folder: &Path,
    files: Vec<PathBuf>,
    file: &str,
    constant: Option<&str>,
    out: &Path,
) -> io::Result<()> {
    let mut list = String::from("&[\n");
    for file in &files {
        let path = file.strip_prefix(folder).unwrap_or(file).display();
        let _ = writeln!(
            list,
            "    (\"{path}\", include_str!({:?})),",
            file.display().to_string()
        );
    }
    list.push_str("]\n");
    if let Some(constant) = constant {
        list = format!("const {constant}: &[(&str, &str)] = {list};\n");
    }
    fs::write(out.join(file).with_extension("rs"), list)
}

/// The TOML files in `folder`, and below it where it is searched deep, in order.
fn files(folder: &Path, deep: bool) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(folder, deep, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, deep: bool, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if deep {
                collect(&path, deep, files)?;
            }
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    Ok(())
}

fn version_of<'a>(lock: &'a str, package: &str) -> &'a str {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines
        .nth(1)
        .and_then(|line| line.strip_prefix("version = \""));
    version.map_or("unknown", |version| version.trim_end_matches('"'))
}
