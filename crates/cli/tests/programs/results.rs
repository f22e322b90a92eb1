//! Files that a benchmark writes, and a check of its pictures.

use std::fs;
use std::path::PathBuf;

/// A file of a test, removed at its end.
pub(crate) struct TestFile(pub(crate) PathBuf);

impl TestFile {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("tickwire-bench-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub(crate) fn read(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        // A failed test may not have written it.
        let _ = fs::remove_file(&self.0);
    }
}

/// Asserts that tags are closed in order, and that there is one root.
pub(crate) fn assert_is_well_formed(svg: &str) {
    let mut open = Vec::new();
    let mut roots = 0;
    for piece in svg.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("a tag ends");
        assert!(!text.contains('&') || text.contains(';'), "{text}");
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        roots += u32::from(open.is_empty());
        assert!(tag.matches('"').count() % 2 == 0, "{tag}");
        if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().expect("a name"));
        }
    }
    assert_eq!(open, [""; 0]);
    assert_eq!(roots, 1);
}
