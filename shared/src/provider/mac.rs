//! Message authentication codes: HMAC-SHA256, compared in constant time. Source: RFC 2104.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

pub mod key;

/// The code over the parts, one after the other.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    fed(key, parts).finalize().into_bytes().into()
}

/// Is this the code over the parts? Takes as long wherever it differs.
pub fn is_hmac_sha256(key: &[u8], parts: &[&[u8]], claimed: &[u8]) -> bool {
    fed(key, parts).verify_slice(claimed).is_ok()
}

/// Are these the same bytes? Takes as long wherever they differ, for one code and many claims.
pub fn is_same(code: &[u8], claimed: &[u8]) -> bool {
    verify_slices_are_equal(code, claimed).is_ok()
}

/// The bytes that an even number of hex digits stands for.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?)).collect()
}

/// Lower-case hex digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fed(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_case_of_rfc_4231() {
        let code = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(to_hex(&code), expected);
        assert!(is_hmac_sha256(b"Jefe", &[b"what do ya want for nothing?"], &code));
        assert!(!is_hmac_sha256(b"Jefe", &[b"what do ya want for nothing?"], &code[..31]));
        assert!(is_same(&code, &code.clone()) && !is_same(&code, &code[..31]));
    }

    #[test]
    fn hex_is_whole_pairs_of_digits() {
        assert_eq!(from_hex("00fF"), Some(vec![0, 255]));
        assert_eq!([from_hex("0"), from_hex("0g"), from_hex("é")], [None, None, None]);
    }
}
