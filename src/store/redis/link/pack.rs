//! Commands as bytes.

/// Appends one command in RESP: an array of bulk strings.
pub fn pack<'a>(out: &mut Vec<u8>, parts: impl ExactSizeIterator<Item = &'a [u8]>) {
    prefixed_number(out, b'*', parts.len());
    for part in parts {
        prefixed_number(out, b'$', part.len());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
}

/// The same from a list of words.
pub fn pack_words(out: &mut Vec<u8>, words: &[&[u8]]) {
    pack(out, words.iter().copied());
}

/// Appends `EVALSHA <sha1> <number of keys> <keys> <args>`, or with `EVAL` and the source.
pub fn pack_script(out: &mut Vec<u8>, verb: &str, script: &str, keys: &[Vec<u8>], args: &[Vec<u8>]) {
    prefixed_number(out, b'*', 3 + keys.len() + args.len());
    bulk(out, verb.as_bytes());
    bulk(out, script.as_bytes());
    let mut digits = [0; 20];
    bulk(out, decimal(&mut digits, keys.len()));
    for part in keys.iter().chain(args) {
        bulk(out, part);
    }
}

fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    prefixed_number(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn prefixed_number(out: &mut Vec<u8>, prefix: u8, number: usize) {
    let mut digits = [0; 20];
    out.push(prefix);
    out.extend_from_slice(decimal(&mut digits, number));
    out.extend_from_slice(b"\r\n");
}

fn decimal(digits: &mut [u8; 20], mut number: usize) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_a_script_call() {
        let mut out = Vec::new();
        pack_script(&mut out, "EVALSHA", "abc", &[b"k".to_vec()], &[vec![], b"0123456789".to_vec()]);
        let expected = b"*6\r\n$7\r\nEVALSHA\r\n$3\r\nabc\r\n$1\r\n1\r\n$1\r\nk\r\n$0\r\n\r\n$10\r\n0123456789\r\n";
        assert_eq!(out, expected);
    }

    #[test]
    fn packs_words() {
        let mut out = Vec::new();
        pack_words(&mut out, &[b"PING"]);
        assert_eq!(out, b"*1\r\n$4\r\nPING\r\n");
    }
}
