//! Percent-encoding of everything that means something in a key.

use std::char::decode_utf16 as decode_units;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

pub fn encode_str(id: &str) -> String {
    if is_plain(id) {
        return id.to_owned();
    }
    let mut encoded = String::with_capacity(id.len());
    for character in id.chars() {
        push_char(&mut encoded, character);
    }
    encoded
}

pub fn encode_utf16(id: &[u16]) -> String {
    if let Some(plain) = plain_from_utf16(id) {
        return plain;
    }
    let mut encoded = String::with_capacity(id.len());
    for unit in decode_units(id.iter().copied()) {
        match unit {
            Ok(character) => push_char(&mut encoded, character),
            Err(lone) => {
                surrogate_bytes(lone.unpaired_surrogate()).into_iter().for_each(|byte| push_byte(&mut encoded, byte))
            }
        }
    }
    encoded
}

/// The id itself when it [is plain](is_plain).
fn plain_from_utf16(id: &[u16]) -> Option<String> {
    let is_plain = |unit: &u16| u8::try_from(*unit).is_ok_and(is_plain_byte);
    let plain = id.iter().all(is_plain).then(|| id.iter().map(|unit| *unit as u8).collect())?;
    String::from_utf8(plain).ok()
}

/// Bytes of the id in UTF-8; a lone surrogate counts three.
pub fn wtf8_len(id: &[u16]) -> usize {
    if id.iter().all(|unit| *unit < 0x80) {
        return id.len();
    }
    decode_units(id.iter().copied()).map(|unit| unit.map_or(3, char::len_utf8)).sum()
}

/// Whether `text` is made of ASCII letters, digits and harmless signs only, which stand for
/// themselves. Most ids are.
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(is_plain_byte)
}

/// What the key form stands for, canonical or not; `None` when it stands for nothing.
pub fn decode_utf16(encoded: &str) -> Option<Vec<u16>> {
    let bytes = percent_decode(encoded)?;
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes.as_slice();
    while let Some(at) = rest.windows(3).position(is_surrogate) {
        units.extend(std::str::from_utf8(&rest[..at]).ok()?.encode_utf16());
        units.push(surrogate_unit(&rest[at..at + 3]));
        rest = &rest[at + 3..];
    }
    units.extend(std::str::from_utf8(rest).ok()?.encode_utf16());
    Some(units)
}

fn is_plain_byte(byte: u8) -> bool {
    PLAIN[usize::from(byte)]
}

/// By byte: whether it stands for itself. A table, since every call looks at an id.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        plain[byte as usize] = !is_reserved(byte as char);
        byte += 1;
    }
    plain
};

const fn is_reserved(character: char) -> bool {
    matches!(character, ':' | '{' | '}' | '%' | '*' | '?' | '[' | ']' | '\\')
}

fn push_char(encoded: &mut String, character: char) {
    if is_reserved(character) || character.is_whitespace() || character.is_control() {
        let mut buffer = [0; 4];
        character.encode_utf8(&mut buffer).bytes().for_each(|byte| push_byte(encoded, byte));
    } else {
        encoded.push(character);
    }
}

fn push_byte(encoded: &mut String, byte: u8) {
    encoded.push('%');
    encoded.push(char::from(HEX[usize::from(byte >> 4)]));
    encoded.push(char::from(HEX[usize::from(byte & 15)]));
}

fn percent_decode(encoded: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

/// The three bytes of a surrogate in WTF-8.
fn surrogate_bytes(unit: u16) -> [u8; 3] {
    [0xED, 0x80 | (unit >> 6 & 0x3F) as u8, 0x80 | (unit & 0x3F) as u8]
}

/// Whether three bytes are a surrogate in WTF-8. UTF-8 never holds them in this order.
fn is_surrogate(bytes: &[u8]) -> bool {
    matches!(bytes, [0xED, 0xA0..=0xBF, 0x80..=0xBF])
}

fn surrogate_unit(bytes: &[u8]) -> u16 {
    0xD000 | u16::from(bytes[1] & 0x3F) << 6 | u16::from(bytes[2] & 0x3F)
}
