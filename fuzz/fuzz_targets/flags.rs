//! A command line, an argument on each line: it is read, or refused as one; flags that are keys of a profile are a profile.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::cli::args::{self, Invocation};
use sandbox::error::ErrorKind;
use sandbox::profile::{schema::Profile, text};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

fuzz_target!(|bytes: &[u8]| {
    let arguments = bytes.split(|byte| *byte == b'\n').map(|line| OsStr::from_bytes(line).to_owned());
    match args::parse(std::iter::once("sandbox".into()).chain(arguments)) {
        Ok(Invocation::Run(run) | Invocation::Explain { run, .. }) if run.flags.profile != Profile::default() => {
            let written = text::write(&run.flags.profile).expect("a profile can be written");
            let again = text::parse(written.as_bytes(), "again.yaml", None)
                .unwrap_or_else(|errors| panic!("{}\n{written}", errors[0]));
            assert_eq!(again.profile, run.flags.profile, "{written}");
        }
        Ok(_) => {}
        Err(error) => assert!(error.kind == ErrorKind::Usage && !error.message.is_empty(), "{error:?}"),
    }
});
