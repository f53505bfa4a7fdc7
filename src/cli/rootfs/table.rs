//! What there is, as a table and as JSON: `schema/rootfs-1.json`.

use crate::cli::table::columns;
use crate::rootfs::list::Root;
use serde_json::{Value, json};

const HEAD: [&str; 5] = ["NAME", "SIZE", "FILES", "IMPORTED", "SOURCE"];

/// A line each; nothing at all if there is none.
pub(super) fn text(roots: &[Root]) -> String {
    if roots.is_empty() {
        return String::new();
    }
    columns([HEAD.map(str::to_owned)].into_iter().chain(roots.iter().map(row)).map(Vec::from))
}

fn row(root: &Root) -> [String; 5] {
    let name = root.name.clone();
    match &root.record {
        Ok(record) => [
            name,
            size(record.bytes),
            record.entries.to_string(),
            record.imported_at.replace('T', " ").trim_end_matches('Z').to_owned(),
            record.source.clone(),
        ],
        Err(why) => [name, "-".into(), "-".into(), "-".into(), format!("broken: {why}")],
    }
}

/// `sandbox rootfs list --json`
pub(super) fn object(roots: &[Root]) -> Value {
    let roots: Vec<Value> = roots
        .iter()
        .map(|root| {
            let record = root.record.as_ref().ok();
            let left_out: Option<Vec<Value>> = record.map(|record| {
                record.left_out.iter().map(|(what, count)| json!({"what": what, "count": count})).collect()
            });
            json!({
                "name": root.name,
                "tree": root.tree.to_string_lossy(),
                "source": record.map(|record| &record.source),
                "sha256": record.and_then(|record| record.sha256.as_ref()),
                "imported_at": record.map(|record| &record.imported_at),
                "entries": record.map(|record| record.entries),
                "bytes": record.map(|record| record.bytes),
                "map": record.map(|record| record.map),
                "left_out": left_out,
                "broken": root.record.as_ref().err(),
            })
        })
        .collect();
    json!({"version": 1, "sandbox": env!("CARGO_PKG_VERSION"), "roots": roots})
}

/// Three digits and a unit of 1024: `118 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ if value < 9.95 => format!("{value:.1} {}", UNITS[unit]),
        _ => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// `1 file`, `3412 files`: every name counts.
pub(super) fn files(count: u64) -> String {
    if count == 1 { "1 file".into() } else { format!("{count} files") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::record::{Map, Record};
    use crate::rootfs::unpack::Summary;

    fn roots() -> Vec<Root> {
        let summary = Summary { entries: 3412, bytes: 118 << 20, left_out: vec![("device nodes".into(), 12)] };
        let record = Record::new("debian", "debian-12\n.tar.xz", None, Map::Single, summary);
        let record = Record { imported_at: "2026-11-21T10:00:00Z".into(), ..record };
        let root = |name: &str, record| Root { name: name.into(), tree: format!("/roots/{name}/tree").into(), record };
        vec![root("debian", Ok(record)), root("x", Err("it has no tree".into()))]
    }

    #[test]
    fn a_root_has_a_line_and_a_broken_one_says_why() {
        insta::assert_snapshot!(text(&roots()), @r"
        NAME    SIZE     FILES  IMPORTED             SOURCE
        debian  118 MiB  3412   2026-11-21 10:00:00  debian-12\n.tar.xz
        x       -        -      -                    broken: it has no tree
        ");
        assert_eq!(text(&[]), "");
    }

    #[test]
    fn a_size_has_three_digits_at_most() {
        let sizes = [0, 1023, 1024, 10188, 10189, 1 << 20, 1047527424, 1047527425, 5 << 40];
        assert_eq!(
            sizes.map(size),
            ["0 B", "1023 B", "1.0 KiB", "9.9 KiB", "10 KiB", "1.0 MiB", "999 MiB", "999 MiB", "5.0 TiB"]
        );
    }

    #[test]
    fn the_json_is_what_its_schema_says() {
        let schema = serde_json::from_str(include_str!("../../../schema/rootfs-1.json")).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let object = object(&roots());
        let errors: Vec<String> = validator.iter_errors(&object).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        // Each key of the program is in the schema, which is closed, and each key of the schema is required.
        let more = json!({"version": 1, "sandbox": "0.1.0", "roots": [{"name": "x", "more": 1}]});
        assert!(!validator.is_valid(&more));
    }
}
