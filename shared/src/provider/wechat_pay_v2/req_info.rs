//! A refund's `req_info`: AES-256-ECB with PKCS #7 padding, its key made from the API key.
//!
//! Blocks can be cut and put together anew, and nothing covers what stands around them. So whoever
//! opens one learns what it says, not that WeChat said it. There is one failure for all: which step
//! failed would help to guess the plain text.

use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};

use crate::provider::mac::to_hex;
use crate::provider::xml::Elements;

pub(super) const ROOT: &str = "root";

/// The elements that stand in it.
pub fn open(sealed: &str, api_key: &str) -> Option<Elements> {
    let plain = decrypt(sealed, &aes_key(api_key))?;
    Elements::parse(&plain, ROOT).ok()
}

/// The plain bytes of what was encrypted with an AES key.
pub fn decrypt(sealed: &str, aes_key: &str) -> Option<Vec<u8>> {
    let mut bytes = BASE64.decode(sealed).ok()?;
    let key = UnboundCipherKey::new(&AES_256, aes_key.as_bytes()).ok()?;
    let key = PaddedBlockDecryptingKey::ecb_pkcs7(key).ok()?;
    key.decrypt(&mut bytes, DecryptionContext::None).ok().map(|plain| plain.to_vec())
}

/// Encrypts a text, for simulation.
pub fn seal(plain: &str, api_key: &str) -> Option<String> {
    let mut bytes = plain.as_bytes().to_vec();
    let key = UnboundCipherKey::new(&AES_256, aes_key(api_key).as_bytes()).ok()?;
    PaddedBlockEncryptingKey::ecb_pkcs7(key).ok()?.encrypt(&mut bytes).ok()?;
    Some(BASE64.encode(bytes))
}

/// The AES key is the lower-case hex text of the API key's MD5, taken as 32 bytes.
pub fn aes_key(api_key: &str) -> String {
    to_hex(&Md5::digest(api_key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const API_KEY: &str = "192006250b4c09247ec02edce69f6a2d";

    #[test]
    fn what_is_sealed_opens_with_its_own_key_alone() {
        let sealed = seal("<root><a>1</a></root>", API_KEY).unwrap();
        assert_eq!(open(&sealed, API_KEY).unwrap().get("a"), Some("1"));
        let others = [
            open(&sealed, "292006250b4c09247ec02edce69f6a2d"),
            open(&sealed[4..], API_KEY),
            open("", API_KEY),
            open("AAAA", API_KEY),
            open(&seal("<xml><a>1</a></xml>", API_KEY).unwrap(), API_KEY),
            open(&seal("", API_KEY).unwrap(), API_KEY),
        ];
        assert!(others.iter().all(Option::is_none));
    }
}
