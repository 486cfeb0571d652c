//! Sixteen bytes as 22 characters of base64url, without padding.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub const ENCODED_LEN: usize = 22;

pub fn encode(bytes: [u8; 16]) -> [u8; ENCODED_LEN] {
    // 22 characters carry 132 bits: the last four are 0.
    let bits = u128::from_be_bytes(bytes);
    std::array::from_fn(|index| {
        let sextet = match index {
            0..=20 => bits >> (122 - 6 * index),
            _ => bits << 4,
        };
        ALPHABET[(sextet & 63) as usize]
    })
}

/// Whether `text` is what [`encode`] writes for some bytes.
pub fn is_encoded(text: &[u8]) -> bool {
    text.len() == ENCODED_LEN
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && matches!(text[ENCODED_LEN - 1], b'A' | b'Q' | b'g' | b'w')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_known_vectors() {
        assert_eq!(&encode([0; 16]), b"AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(&encode([0xFF; 16]), b"_____________________w");
        let counting = std::array::from_fn(|index| index as u8);
        assert_eq!(&encode(counting), b"AAECAwQFBgcICQoLDA0ODw");
    }

    #[test]
    fn accepts_exactly_what_it_writes() {
        assert!(is_encoded(&encode([0xA5; 16])));
        for wrong in ["", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAA+AAAAAAAAAAA"] {
            assert!(!is_encoded(wrong.as_bytes()), "{wrong}");
        }
    }
}
