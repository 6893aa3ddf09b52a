//! `cargo fuzz run frame`, in `crates/token`. Input: the event, a line break, the data.
#![no_main]

#[path = "../properties.rs"]
#[expect(dead_code, reason = "the other target uses the rest")]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| properties::check_frame(data));
