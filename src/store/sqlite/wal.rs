//! Looks for damage within SQLite's write-ahead log.
//!
//! SQLite takes the first frame that does not match its checksum for the end of the log, for that is how a crash
//! leaves it. What was committed behind it would be dropped without a word, and soon overwritten. But each commit is
//! synced before the next begins: a crash leaves at most one that is not whole. So where a commit lies behind that
//! frame, and behind that the next one, something else has happened.
//!
//! A checksum continues that of the frame before, which stands there: two neighbours prove that they were written one
//! after the other, whatever lies before them.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The checksum of the header covers what is before it, that of a frame so much of its header and its page.
const SUMMED_HEADER_BYTES: usize = 24;
const SUMMED_FRAME_BYTES: usize = 8;

const MAGIC_LITTLE_ENDIAN: u32 = 0x377F_0682;
const MAGIC_BIG_ENDIAN: u32 = 0x377F_0683;

type Sum = (u32, u32);

/// What all frames of one log have in common.
struct Format {
    /// The salts tell frames of this log from what an older one left behind them.
    salts: [u8; 8],
    page_bytes: usize,
    word: fn([u8; 4]) -> u32,
}

/// Where the first damaged frame begins behind which there are commits; `None`: there is no such frame, or no log.
pub(in crate::store) fn damage_within(path: &Path) -> std::io::Result<Option<u64>> {
    let log = match File::open(path) {
        Ok(log) => log,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut log = BufReader::with_capacity(1 << 17, log);
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut log, &mut header)? {
        return Ok(None);
    }
    // A header that was cut off while a log was begun anew: everything before had been carried over.
    let Some((format, sum)) = Format::read(&header) else { return Ok(None) };
    format.scan(&mut log, sum)
}

impl Format {
    fn read(header: &[u8; HEADER_BYTES]) -> Option<(Self, Sum)> {
        let word: fn([u8; 4]) -> u32 = match number(header, 0) {
            MAGIC_LITTLE_ENDIAN => u32::from_le_bytes,
            MAGIC_BIG_ENDIAN => u32::from_be_bytes,
            _ => return None,
        };
        let page_bytes = number(header, 8) as usize;
        let is_page = page_bytes.is_power_of_two() && (512..=65_536).contains(&page_bytes);
        let mut salts = [0; 8];
        salts.copy_from_slice(&header[16..24]);
        let format = Self { salts, page_bytes, word };
        let sum = format.sum((0, 0), &header[..SUMMED_HEADER_BYTES]);
        (is_page && sum == stored(header, 24)).then_some((format, sum))
    }

    fn scan(&self, log: &mut impl Read, header_sum: Sum) -> std::io::Result<Option<u64>> {
        let mut frame = vec![0; FRAME_HEADER_BYTES + self.page_bytes];
        let (mut at, mut damaged_at) = (HEADER_BYTES as u64, None);
        // Of the frame before, as it says itself.
        let (mut before, mut is_after_commit) = (header_sum, false);
        while fill(log, &mut frame)? {
            let is_of_log = frame[8..16] == self.salts;
            let is_next = is_of_log && self.frame_sum(before, &frame) == stored(&frame, 16);
            match damaged_at {
                None if !is_next => damaged_at = Some(at),
                Some(_) if is_next && is_after_commit => return Ok(damaged_at),
                _ => {}
            }
            is_after_commit = is_of_log && number(&frame, 4) != 0;
            before = stored(&frame, 16);
            at += frame.len() as u64;
        }
        Ok(None)
    }

    fn frame_sum(&self, before: Sum, frame: &[u8]) -> Sum {
        self.sum(self.sum(before, &frame[..SUMMED_FRAME_BYTES]), &frame[FRAME_HEADER_BYTES..])
    }

    fn sum(&self, (mut one, mut two): Sum, bytes: &[u8]) -> Sum {
        for pair in bytes.chunks_exact(8) {
            let [a, b, c, d, e, f, g, h] = *pair else { break };
            one = one.wrapping_add((self.word)([a, b, c, d])).wrapping_add(two);
            two = two.wrapping_add((self.word)([e, f, g, h])).wrapping_add(one);
        }
        (one, two)
    }
}

/// Numbers of the log are big-endian, whatever its checksums are made of.
fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn stored(bytes: &[u8], at: usize) -> Sum {
    (number(bytes, at), number(bytes, at + 4))
}

/// `false`: less is left.
fn fill(from: &mut impl Read, bytes: &mut [u8]) -> std::io::Result<bool> {
    match from.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
