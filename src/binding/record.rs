//! Records: runs of numbers with the text they measure.

use std::collections::VecDeque;

/// Writes records and gives them out whole.
#[derive(Default)]
pub(super) struct Records {
    numbers: Vec<f64>,
    text: Vec<u16>,
    /// Length in numbers and in text of each record, oldest first.
    lengths: VecDeque<(usize, usize)>,
    taken_numbers: usize,
    taken_text: usize,
}

/// Capacity kept between bursts, in numbers and in text units.
const KEPT_CAPACITY: usize = 1 << 16;

impl Records {
    /// Appends one record; `write` fills it.
    pub(super) fn push(&mut self, kind: f64, call: u64, write: impl FnOnce(&mut RecordWriter<'_>)) {
        let (numbers_before, text_before) = (self.numbers.len(), self.text.len());
        self.numbers.extend([0.0, kind, call as f64]);
        write(&mut RecordWriter { numbers: &mut self.numbers, text: &mut self.text });
        let length = self.numbers.len() - numbers_before;
        self.numbers[numbers_before] = length as f64;
        self.lengths.push_back((length, self.text.len() - text_before));
    }

    /// Moves whole records to `out[1..]`, as many as fit, and returns their text. `out[0]` is the
    /// index behind the last number, negated when more is left.
    pub(super) fn take(&mut self, out: &mut [f64]) -> Vec<u16> {
        let mut end = 1;
        let mut text_end = self.taken_text;
        while let Some((length, text_length)) = self.lengths.front().copied() {
            if end + length > out.len() {
                break;
            }
            out[end..end + length].copy_from_slice(&self.numbers[self.taken_numbers..self.taken_numbers + length]);
            self.taken_numbers += length;
            end += length;
            text_end += text_length;
            self.lengths.pop_front();
        }
        let text = self.text[self.taken_text..text_end].to_vec();
        self.taken_text = text_end;
        out[0] = if end == 1 {
            0.0
        } else if self.lengths.is_empty() {
            end as f64
        } else {
            -(end as f64)
        };
        if self.lengths.is_empty() {
            self.reset();
        }
        text
    }

    fn reset(&mut self) {
        self.numbers.clear();
        self.text.clear();
        self.numbers.shrink_to(KEPT_CAPACITY);
        self.text.shrink_to(KEPT_CAPACITY);
        self.taken_numbers = 0;
        self.taken_text = 0;
    }
}

pub(super) struct RecordWriter<'a> {
    numbers: &'a mut Vec<f64>,
    text: &'a mut Vec<u16>,
}

impl RecordWriter<'_> {
    pub(super) fn number(&mut self, value: f64) -> &mut Self {
        self.numbers.push(value);
        self
    }

    pub(super) fn amount(&mut self, value: u64) -> &mut Self {
        self.number(value as f64)
    }

    /// `None` is written as -1.
    pub(super) fn limit(&mut self, value: Option<u64>) -> &mut Self {
        self.number(value.map_or(-1.0, |value| value as f64))
    }

    pub(super) fn flag(&mut self, value: bool) -> &mut Self {
        self.number(f64::from(u8::from(value)))
    }

    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        let before = self.text.len();
        self.text.extend(value.encode_utf16());
        self.number((self.text.len() - before) as f64)
    }

    pub(super) fn units(&mut self, value: &[u16]) -> &mut Self {
        self.text.extend_from_slice(value);
        self.number(value.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_taken_whole_and_in_order() {
        let mut records = Records::default();
        for call in 1..=3 {
            records.push(10.0, call, |record| {
                record.text("é").amount(call);
            });
        }
        let mut out = [0.0; 12];
        assert_eq!(String::from_utf16_lossy(&records.take(&mut out)), "éé");
        assert_eq!(out[..11], [-11.0, 5.0, 10.0, 1.0, 1.0, 1.0, 5.0, 10.0, 2.0, 1.0, 2.0]);
        assert_eq!(records.take(&mut out).len(), 1);
        assert_eq!(out[..4], [6.0, 5.0, 10.0, 3.0]);
        assert_eq!(records.take(&mut out).len(), 0);
        assert_eq!(out[0], 0.0);
    }
}
