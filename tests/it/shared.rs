//! Where real data and published vectors are read from: `COUNTERFOIL_SHARED`, else `../shared`.

use std::path::PathBuf;

/// Returns the path of a shared file or folder, or `None` with a line that says what is skipped.
///
/// # Panics
/// Under `CI=true`, where absence is a failure.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn path(relative: &str) -> Option<PathBuf> {
    let root = std::env::var_os("COUNTERFOIL_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let path = root.join(relative);
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "shared data is missing: {}",
        path.display()
    );
    eprintln!("skipped: no shared data at {}", path.display());
    None
}

/// Reads a shared JSON file; see [`path`].
pub(crate) fn json(relative: &str) -> Option<serde_json::Value> {
    let path = path(relative)?;
    let text = std::fs::read_to_string(&path).expect("a shared file can be read");
    Some(serde_json::from_str(&text).expect("a shared file is JSON"))
}
