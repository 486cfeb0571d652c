//! How entries stand in a row of the log.
//!
//! One behind the other, each with its kind (1 byte), the length of its key (2), the number of its policy (4), the
//! length of what was asked (4), the key and what was asked; numbers little-endian.

use super::kind::Kind;

const HEAD_BYTES: usize = 11;

pub(super) struct Entry<'r> {
    pub kind: Kind,
    pub key: &'r str,
    /// 0: none was needed.
    pub policy: u32,
    pub asked: &'r [u8],
}

impl<'r> Entry<'r> {
    pub fn write(&self, row: &mut Vec<u8>) {
        row.push(self.kind as u8);
        row.extend_from_slice(&(self.key.len() as u16).to_le_bytes());
        row.extend_from_slice(&self.policy.to_le_bytes());
        row.extend_from_slice(&(self.asked.len() as u32).to_le_bytes());
        row.extend_from_slice(self.key.as_bytes());
        row.extend_from_slice(self.asked);
    }

    /// The first entry of `row`, and the rest of it.
    pub fn read(row: &'r [u8]) -> Option<(Self, &'r [u8])> {
        let (head, rest) = row.split_at_checked(HEAD_BYTES)?;
        let kind = Kind::from_number(head[0])?;
        let key_bytes = u16::from_le_bytes([head[1], head[2]]).into();
        let policy = u32::from_le_bytes([head[3], head[4], head[5], head[6]]);
        let asked_bytes = u32::from_le_bytes([head[7], head[8], head[9], head[10]]);
        let (key, rest) = rest.split_at_checked(key_bytes)?;
        let (asked, rest) = rest.split_at_checked(usize::try_from(asked_bytes).ok()?)?;
        Some((Self { kind, key: std::str::from_utf8(key).ok()?, policy, asked }, rest))
    }
}
