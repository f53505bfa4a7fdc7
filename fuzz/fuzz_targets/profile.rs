//! Any bytes are a profile or errors with a place; a profile reads back from its own text as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::profile::{Merged, text};

fuzz_target!(|bytes: &[u8]| {
    match text::parse(bytes, "fuzz.yaml", None) {
        Ok(layer) => {
            let written = text::write(&layer.profile).expect("a profile can be written");
            let again = text::parse(written.as_bytes(), "again.yaml", None)
                .unwrap_or_else(|errors| panic!("{}\n{written}", errors[0]));
            assert_eq!(again.profile, layer.profile, "{written}");
            // Every entry of the merged form has a line.
            let merged = Merged::from(&layer);
            assert!(merged.mounts.iter().all(|mount| mount.origin.position.is_some()));
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|e| e.origin.as_ref().is_some_and(|origin| origin.position.is_some())));
        }
    }
});
