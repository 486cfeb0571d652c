//! The little of MessagePack that scripts and replies use: one array of numbers, texts and arrays.

/// Writes arrays element by element; lengths are filled in when an array ends.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    elements: usize,
}

/// Where an array that is being written began.
pub struct OpenArray {
    length_at: usize,
    elements_before: usize,
}

const ARRAY_32: u8 = 0xdd;

impl Writer {
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), elements: 0 }
    }

    /// Elements written so far in the current array.
    pub fn elements(&self) -> usize {
        self.elements
    }

    pub fn begin_array(&mut self) -> OpenArray {
        self.bytes.push(ARRAY_32);
        let open = OpenArray { length_at: self.bytes.len(), elements_before: self.elements };
        self.bytes.extend_from_slice(&[0; 4]);
        self.elements = 0;
        open
    }

    pub fn end_array(&mut self, open: OpenArray) {
        let length = (self.elements as u32).to_be_bytes();
        self.bytes[open.length_at..open.length_at + 4].copy_from_slice(&length);
        self.elements = open.elements_before + 1;
    }

    pub fn uint(&mut self, value: u64) {
        self.elements += 1;
        match value {
            0..=0x7f => self.bytes.push(value as u8),
            0x80..=0xff => self.bytes.extend_from_slice(&[0xcc, value as u8]),
            0x100..=0xffff => self.tagged(0xcd, &(value as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.tagged(0xce, &(value as u32).to_be_bytes()),
            _ => self.tagged(0xcf, &value.to_be_bytes()),
        }
    }

    /// `None` is -1.
    pub fn optional(&mut self, value: Option<u64>) {
        match value {
            Some(value) => self.uint(value),
            None => {
                self.elements += 1;
                self.bytes.push(0xff);
            }
        }
    }

    pub fn float(&mut self, value: f64) {
        self.elements += 1;
        self.tagged(0xcb, &value.to_bits().to_be_bytes());
    }

    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Lua does not tell text from bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.elements += 1;
        match bytes.len() {
            length @ 0..=31 => self.bytes.push(0xa0 | length as u8),
            length @ 32..=0xff => self.bytes.extend_from_slice(&[0xd9, length as u8]),
            length @ 0x100..=0xffff => self.tagged(0xda, &(length as u16).to_be_bytes()),
            length => self.tagged(0xdb, &(length as u32).to_be_bytes()),
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Overwrites the element of one byte at `at` (see [`Writer::position`]).
    pub fn patch_small(&mut self, at: usize, value: u8) {
        debug_assert!(value <= 0x7f && self.bytes[at] <= 0x7f);
        self.bytes[at] = value;
    }

    /// Where the next element will stand.
    pub fn position(&self) -> usize {
        self.bytes.len()
    }

    /// An array of texts.
    pub fn texts(&mut self, texts: &[&str]) {
        let array = self.begin_array();
        texts.iter().for_each(|text| self.text(text));
        self.end_array(array);
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Begins anew, in the same memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.elements = 0;
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn tagged(&mut self, tag: u8, rest: &[u8]) {
        self.bytes.push(tag);
        self.bytes.extend_from_slice(rest);
    }
}

/// Reads one flat array. Every odd reply is an `Err` that says what was expected.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

type Expected = &'static str;

impl<'a> Reader<'a> {
    /// Enters the array that `bytes` is.
    pub fn of_array(bytes: &'a [u8]) -> Result<Self, Expected> {
        let mut reader = Self { rest: bytes };
        match reader.byte()? {
            0x90..=0x9f => {}
            0xdc => drop(reader.take(2)?),
            ARRAY_32 => drop(reader.take(4)?),
            _ => return Err("an array"),
        }
        Ok(reader)
    }

    /// Whether the next byte is this one.
    pub fn peeked(&self, byte: u8) -> bool {
        self.rest.first() == Some(&byte)
    }

    pub fn uint(&mut self) -> Result<u64, Expected> {
        self.optional()?.ok_or("a number that is not negative")
    }

    /// -1 is `None`.
    pub fn optional(&mut self) -> Result<Option<u64>, Expected> {
        match self.byte()? {
            small @ 0..=0x7f => Ok(Some(u64::from(small))),
            0xff => Ok(None),
            0xcc | 0xd0 => self.number::<1>().map(Some),
            0xcd | 0xd1 => self.number::<2>().map(Some),
            0xce | 0xd2 => self.number::<4>().map(Some),
            0xcf | 0xd3 => self.number::<8>().map(Some),
            _ => Err("a number"),
        }
    }

    pub fn float(&mut self) -> Result<f64, Expected> {
        match self.rest.first() {
            Some(0xcb) => {
                self.byte()?;
                Ok(f64::from_bits(u64::from_be_bytes(self.array()?)))
            }
            Some(0xca) => {
                self.byte()?;
                Ok(f64::from(f32::from_bits(u32::from_be_bytes(self.array()?))))
            }
            _ => Ok(self.uint()? as f64),
        }
    }

    pub fn text(&mut self) -> Result<&'a str, Expected> {
        let length = match self.byte()? {
            short @ 0xa0..=0xbf => usize::from(short & 0x1f),
            0xd9 | 0xc4 => self.number::<1>()? as usize,
            0xda | 0xc5 => self.number::<2>()? as usize,
            0xdb | 0xc6 => self.number::<4>()? as usize,
            _ => return Err("a text"),
        };
        std::str::from_utf8(self.take(length)?).map_err(|_| "a text in UTF-8")
    }

    fn byte(&mut self) -> Result<u8, Expected> {
        Ok(self.array::<1>()?[0])
    }

    /// An unsigned number, or a signed one that is not negative.
    fn number<const N: usize>(&mut self) -> Result<u64, Expected> {
        let bytes = self.array::<N>()?;
        let number = bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        if number > crate::domain::tokens::MAX_TOKENS { Err("a number up to 2^53 - 1") } else { Ok(number) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Expected> {
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or("more")?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Expected> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or("more")?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote() {
        let mut writer = Writer::default();
        let array = writer.begin_array();
        for number in [0, 127, 128, 255, 256, 65_535, 65_536, u64::from(u32::MAX), (1 << 53) - 1] {
            writer.uint(number);
        }
        writer.optional(None);
        writer.float(0.75);
        let long = "x".repeat(70_000);
        for text in ["", "short", &long[..200], &long[..300], &long] {
            writer.text(text);
        }
        writer.end_array(array);
        let bytes = writer.into_bytes();
        let mut reader = Reader::of_array(&bytes).unwrap();
        for number in [0, 127, 128, 255, 256, 65_535, 65_536, u64::from(u32::MAX), (1 << 53) - 1] {
            assert_eq!(reader.uint(), Ok(number));
        }
        assert_eq!(reader.optional(), Ok(None));
        assert_eq!(reader.float(), Ok(0.75));
        for text in ["", "short", &long[..200], &long[..300], &long] {
            assert_eq!(reader.text(), Ok(text));
        }
        assert!(reader.uint().is_err());
    }

    #[test]
    fn odd_bytes_are_errors() {
        assert!(Reader::of_array(b"").is_err());
        assert!(Reader::of_array(b"\x01").is_err());
        for bytes in
            [&b"\x91"[..], b"\x91\xcf\xff", b"\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff", b"\x91\xa5ab", b"\x91\xc0"]
        {
            let mut reader = Reader::of_array(bytes).unwrap();
            assert!(reader.uint().is_err());
            assert!(Reader::of_array(bytes).unwrap().text().is_err());
        }
    }
}
