//! CRC-32 as in IEEE 802.3, over what stands in the file: SQLite checks its journal, not its pages.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut remainder = index as u32;
        let mut bit = 0;
        while bit < 8 {
            remainder = if remainder & 1 == 1 { remainder >> 1 ^ 0xEDB8_8320 } else { remainder >> 1 };
            bit += 1;
        }
        table[index] = remainder;
        index += 1;
    }
    table
}

/// Of what stands in a row, and of what the row stands for: nothing is taken for something else.
pub fn crc32(row: &str, bytes: &[u8]) -> u32 {
    let all = row.as_bytes().iter().chain(bytes);
    !all.fold(!0, |crc, byte| crc >> 8 ^ TABLE[(crc as u8 ^ byte) as usize])
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_the_known_text() {
        assert_eq!(super::crc32("1234", b"56789"), 0xCBF4_3926);
        assert_eq!(super::crc32("", b""), 0);
    }
}
