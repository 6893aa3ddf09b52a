//! The examples of the specifications, and how long and how often a code is good.

use super::*;
use crate::mac_key::MacKeyId;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_015);

/// The secret of RFC 4226 appendix D and RFC 6238 appendix B.
fn secret() -> TotpSecret {
    TotpSecret::from_bytes(*b"12345678901234567890")
}

#[test]
fn the_examples_of_rfc_4226_hold() {
    let expected = [
        "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
        "520489",
    ];
    for (step, code) in (0..).zip(expected) {
        assert_eq!(secret().code(TotpStep(step)).as_str(), code);
    }
}

#[test]
fn the_examples_of_rfc_6238_hold() {
    // Of the eight digits there, the last six.
    let expected = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];
    for (seconds, code) in expected {
        let now = Timestamp::from_seconds(seconds);
        assert_eq!(secret().step_of(code, None, now), Some(TotpStep::at(now)), "{seconds}");
    }
}

#[test]
fn a_code_is_good_for_its_own_step_and_the_ones_beside_it() {
    let step = TotpStep::at(NOW);
    let code = secret().code(step);
    let start = Timestamp::from_seconds(i64::try_from(step.0 * 30).expect("small"));
    let millisecond = Duration::from_millis(1);
    for good in [start - PERIOD, start, start + PERIOD * 2 - millisecond] {
        assert_eq!(secret().step_of(&code, None, good), Some(step), "{good:?}");
    }
    for bad in [start - PERIOD - millisecond, start + PERIOD * 2] {
        assert_eq!(secret().step_of(&code, None, bad), None, "{bad:?}");
    }
}

#[test]
fn no_code_is_good_again_once_one_as_late_was_accepted() {
    let TotpStep(step) = TotpStep::at(NOW);
    let code = secret().code(TotpStep(step));
    assert_eq!(secret().step_of(&code, Some(TotpStep(step - 1)), NOW), Some(TotpStep(step)));
    assert_eq!(secret().step_of(&code, Some(TotpStep(step)), NOW), None);
    assert_eq!(secret().step_of(&code, Some(TotpStep(step + 1)), NOW), None);
    for wrong in ["", "00000", "0000000", "abcdef"] {
        assert_eq!(secret().step_of(wrong, None, NOW), None);
    }
}

#[test]
fn the_secret_is_written_as_rfc_4648_has_it() {
    assert_eq!(secret().to_base32().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert_eq!(base32(b"fooba"), "MZXW6YTB");
}

#[test]
fn the_address_says_all_that_an_app_has_to_know() {
    let address = secret().address("Tea & House: north", "ada@mail.example");
    assert_eq!(
        address.expose(),
        "otpauth://totp/Tea%20%26%20House%20%20north:ada%40mail.example\
         ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Tea%20%26%20House%20%20north\
         &algorithm=SHA1&digits=6&period=30"
    );
}

#[test]
fn a_recovery_code_may_be_typed_as_one_likes() {
    let code = recovery_code([0xa5; 10]);
    assert_eq!(code.expose(), "uws2-ljnf-uws2-ljnf");
    for typed in ["uws2ljnfuws2ljnf", " UWS2 LJNF UWS2 LJNF ", code.expose()] {
        assert_eq!(recovery_code_hash(typed), recovery_code_hash(code.expose()));
    }
    assert_ne!(recovery_code_hash("uws2"), recovery_code_hash(code.expose()));
}

#[test]
fn a_mailed_code_is_good_for_what_it_was_mailed_for() {
    let key = |byte| MacKey::new(MacKeyId::from_bytes([byte; 8]), &[byte; 32]);
    let keys = MacKeys::new(key(1), Vec::new());
    let (own, other) = (SecretHash::of(b"own"), SecretHash::of(b"other"));
    let code = mailed_code([7; 8]);
    assert_eq!(code.expose().len(), MAILED_DIGITS);
    let kept = keep_mailed_code(&keys, &own, &code);
    assert!(is_mailed_code(&keys, &own, &kept, code.expose()));
    assert!(!is_mailed_code(&keys, &other, &kept, code.expose()));
    assert!(!is_mailed_code(&keys, &own, &kept, "00000000"));
    let later = MacKeys::new(key(2), vec![key(1)]);
    assert!(is_mailed_code(&later, &own, &kept, code.expose()), "keys may move on");
    assert!(!is_mailed_code(&MacKeys::new(key(2), Vec::new()), &own, &kept, code.expose()));
}

#[test]
fn a_code_is_told_by_its_shape() {
    assert!(matches!(OneTimePassword::read(" 123 456"), OneTimePassword::Totp(code)
        if code.expose() == "123456"));
    assert!(matches!(OneTimePassword::read("1234-5678"), OneTimePassword::Mailed(_)));
    for other in ["", "12345", "uws2-ljnf-uws2-ljnf", "１２３４５６"] {
        assert!(matches!(OneTimePassword::read(other), OneTimePassword::Recovery(_)), "{other}");
    }
}
