//! `cargo fuzz run token`, in `crates/token`.
#![no_main]

#[path = "../properties.rs"]
#[expect(dead_code, reason = "the other target uses the rest")]
mod properties;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static GENUINE: LazyLock<properties::Genuine> = LazyLock::new(properties::Genuine::from_vectors);

fuzz_target!(|data: &[u8]| GENUINE.check_token(data));
