//! A record of the socket between supervisor and init: any 16 bytes are one or none, and one that is sent again is the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::fuzzing::inside;

fuzz_target!(|wire: [u8; 16]| {
    if let Some((record, again)) = inside::record(&wire) {
        assert_eq!(inside::record(&again), Some((record, again)), "{record:?}");
    }
});
