//! Reports, as every test reads them: one that `schema/report-1.json` refuses fails the test.

use serde_json::Value;
use std::sync::LazyLock;

static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../schema/report-1.json")).expect("the schema is JSON");
    jsonschema::draft202012::new(&schema).expect("the schema is one")
});

/// What is wrong with it, and where.
pub fn errors(report: &Value) -> Vec<String> {
    VALIDATOR.iter_errors(report).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// A report that was written.
#[track_caller]
pub fn read(text: &str) -> Value {
    let report: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    let errors = errors(&report);
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    report
}
