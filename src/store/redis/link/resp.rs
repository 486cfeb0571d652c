//! Replies from bytes: RESP2, as servers speak it to a client that did not say HELLO.
//!
//! The bytes of a reply come in any number of pieces. What was understood is kept on a stack, so
//! that no byte is looked at twice however long the reply.

use redis::Value;

/// Deeper nesting is an attack or a misunderstanding.
const MAX_DEPTH: usize = 32;
/// The longest bulk string Redis allows by default.
const MAX_BULK_BYTES: usize = 512 * 1024 * 1024;
const MAX_LINE_BYTES: usize = 64 * 1024;
/// An array's memory is taken as its elements arrive, not as its header promises.
const MAX_PREALLOCATED: usize = 1024;

#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Value(Value),
    /// As the server wrote it: `WRONGTYPE Operation against ...`.
    Error(String),
}

/// The peer does not speak RESP2. The connection is of no further use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtocolError;

struct OpenArray {
    missing: usize,
    elements: Vec<Value>,
}

#[derive(Default)]
pub struct Parser {
    open: Vec<OpenArray>,
}

impl Parser {
    /// Takes at most one reply from the front of `bytes`. Answers it, and how many bytes were
    /// understood, which are to be dropped even while there is no reply yet.
    pub fn next(&mut self, bytes: &[u8]) -> Result<(Option<Reply>, usize), ProtocolError> {
        let mut at = 0;
        while let Some((token, taken)) = token(&bytes[at..])? {
            at += taken;
            let value = match token {
                Token::Array(length) if length > 0 => {
                    if self.open.len() == MAX_DEPTH {
                        return Err(ProtocolError);
                    }
                    let elements = Vec::with_capacity(length.min(MAX_PREALLOCATED));
                    self.open.push(OpenArray { missing: length, elements });
                    continue;
                }
                Token::Array(_) => Value::Array(Vec::new()),
                Token::Error(text) if self.open.is_empty() => return Ok((Some(Reply::Error(text)), at)),
                Token::Error(text) => nested_error(&text),
                Token::Value(value) => value,
            };
            if let Some(whole) = self.close(value) {
                return Ok((Some(Reply::Value(whole)), at));
            }
        }
        Ok((None, at))
    }

    /// Puts a value where it belongs; answers the outermost one when it is complete.
    fn close(&mut self, mut value: Value) -> Option<Value> {
        while let Some(array) = self.open.last_mut() {
            array.elements.push(value);
            array.missing -= 1;
            if array.missing > 0 {
                return None;
            }
            value = Value::Array(self.open.pop()?.elements);
        }
        Some(value)
    }
}

enum Token {
    Value(Value),
    Error(String),
    Array(usize),
}

/// The token at the front and its length, or `None` while it is incomplete.
fn token(bytes: &[u8]) -> Result<Option<(Token, usize)>, ProtocolError> {
    let Some(line) = line(bytes)? else { return Ok(None) };
    let after_line = line.len() + 2;
    let rest = &line[1..];
    let token = match line[0] {
        b'+' if rest == b"OK" => Token::Value(Value::Okay),
        b'+' => Token::Value(Value::SimpleString(String::from_utf8_lossy(rest).into_owned())),
        b'-' => Token::Error(String::from_utf8_lossy(rest).into_owned()),
        b':' => Token::Value(Value::Int(integer(rest)?)),
        b'*' => match integer(rest)? {
            -1 => Token::Value(Value::Nil),
            length => Token::Array(usize::try_from(length).map_err(|_| ProtocolError)?),
        },
        b'$' => return bulk(bytes, after_line, integer(rest)?),
        _ => return Err(ProtocolError),
    };
    Ok(Some((token, after_line)))
}

fn bulk(bytes: &[u8], start: usize, length: i64) -> Result<Option<(Token, usize)>, ProtocolError> {
    if length == -1 {
        return Ok(Some((Token::Value(Value::Nil), start)));
    }
    let length = usize::try_from(length).map_err(|_| ProtocolError)?;
    if length > MAX_BULK_BYTES {
        return Err(ProtocolError);
    }
    let end = start + length;
    if bytes.len() < end + 2 {
        return Ok(None);
    }
    if &bytes[end..end + 2] != b"\r\n" {
        return Err(ProtocolError);
    }
    Ok(Some((Token::Value(Value::BulkString(bytes[start..end].to_vec())), end + 2)))
}

/// The line at the front, its type byte included, its end excluded.
fn line(bytes: &[u8]) -> Result<Option<&[u8]>, ProtocolError> {
    match bytes.iter().take(MAX_LINE_BYTES).position(|&byte| byte == b'\r') {
        Some(0) => Err(ProtocolError),
        Some(end) => match bytes.get(end + 1) {
            Some(b'\n') => Ok(Some(&bytes[..end])),
            Some(_) => Err(ProtocolError),
            None => Ok(None),
        },
        None if bytes.len() >= MAX_LINE_BYTES => Err(ProtocolError),
        None => Ok(None),
    }
}

fn integer(digits: &[u8]) -> Result<i64, ProtocolError> {
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(ProtocolError)
}

/// An error inside an array, as redis-rs represents it.
fn nested_error(text: &str) -> Value {
    redis::parse_redis_value(format!("-{text}\r\n").as_bytes()).unwrap_or(Value::Nil)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk_string(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    const REPLIES: &[u8] = b"+OK\r\n:-7\r\n$-1\r\n*-1\r\n*0\r\n$3\r\na\r\n\r\n\
        *2\r\n*2\r\n$1\r\nx\r\n:1\r\n+y\r\n-ERR no\r\n";

    fn expected() -> Vec<Reply> {
        let nested = Value::Array(vec![
            Value::Array(vec![bulk_string("x"), Value::Int(1)]),
            Value::SimpleString("y".to_owned()),
        ]);
        let values = vec![
            Value::Okay,
            Value::Int(-7),
            Value::Nil,
            Value::Nil,
            Value::Array(vec![]),
            bulk_string("a\r\n"),
            nested,
        ];
        values.into_iter().map(Reply::Value).chain([Reply::Error("ERR no".to_owned())]).collect()
    }

    /// Feeds the bytes in pieces of a size, as a socket would.
    fn parse_in_pieces(piece_bytes: usize) -> Vec<Reply> {
        let (mut parser, mut buffer, mut replies) = (Parser::default(), Vec::new(), Vec::new());
        for piece in REPLIES.chunks(piece_bytes) {
            buffer.extend_from_slice(piece);
            loop {
                let (reply, taken) = parser.next(&buffer).unwrap();
                buffer.drain(..taken);
                match reply {
                    Some(reply) => replies.push(reply),
                    None => break,
                }
            }
        }
        assert!(buffer.is_empty());
        replies
    }

    #[test]
    fn understands_replies_cut_anywhere() {
        for piece_bytes in 1..=REPLIES.len() {
            assert_eq!(parse_in_pieces(piece_bytes), expected(), "in pieces of {piece_bytes}");
        }
    }

    #[test]
    fn keeps_an_error_inside_an_array() {
        let (reply, _) = Parser::default().next(b"*1\r\n-ERR inside\r\n").unwrap();
        let Some(Reply::Value(Value::Array(elements))) = reply else { panic!("{reply:?}") };
        assert!(matches!(&elements[..], [Value::ServerError(error)] if error.details() == Some("inside")));
    }

    #[test]
    fn refuses_what_is_not_resp2() {
        let lines: [&[u8]; 7] =
            [b"HTTP/1.1 400\r\n", b"$x\r\n", b"$-2\r\n", b"*-2\r\n", b"\r\n", b"+a\rb", b"$1\r\nabc"];
        for bytes in lines {
            assert_eq!(Parser::default().next(bytes), Err(ProtocolError), "{bytes:?}");
        }
        let deep = b"*1\r\n".repeat(MAX_DEPTH + 1);
        assert_eq!(Parser::default().next(&deep), Err(ProtocolError));
        assert_eq!(Parser::default().next(&vec![b'+'; MAX_LINE_BYTES]), Err(ProtocolError));
    }
}
