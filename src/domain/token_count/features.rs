//! What a text consists of, as far as tokenizers care.

/// Kinds of things that cost tokens; the order is that of [`super::weights`].
pub const FEATURES: usize = 17;

/// How often each of them occurs in a text.
pub type Features = [u64; FEATURES];

/// Words of Latin letters, cut where a capital follows a small letter: `camelCase` is two.
pub const WORDS: usize = 0;
/// Their letters beyond the sixth: words up to there are mostly one token.
pub const WORD_LETTERS: usize = 1;
/// Words with a letter outside of ASCII.
pub const ACCENTED_WORDS: usize = 2;
pub const ACCENTED_LETTERS: usize = 3;
/// Digits, in groups of three.
pub const DIGIT_GROUPS: usize = 4;
/// Runs of ASCII punctuation.
pub const PUNCTUATION: usize = 5;
/// Their characters beyond the first.
pub const PUNCTUATION_MORE: usize = 6;
/// Line ends, each with the indentation behind it.
pub const LINES: usize = 7;
/// Runs of two or more blanks. A single one belongs to the word behind it.
pub const BLANKS: usize = 8;
pub const HAN: usize = 9;
pub const KANA: usize = 10;
pub const HANGUL: usize = 11;
pub const CYRILLIC: usize = 12;
/// Letters of all other scripts.
pub const OTHER_LETTERS: usize = 13;
/// Typographic quotes, dashes, full-width signs.
pub const WIDE_PUNCTUATION: usize = 14;
/// Emoji, arrows, whatever else.
pub const SYMBOLS: usize = 15;
/// Characters of keys, hashes and Base64.
pub const OPAQUE: usize = 16;

const SHORT_WORD_LETTERS: usize = 6;
const DIGITS_OF_A_GROUP: usize = 3;
/// No text is so empty that it costs nothing.
const BLANKS_OF_A_TOKEN: u64 = 16;
/// Shorter runs of letters and digits are names.
const OPAQUE_MIN: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Accented,
    Digit,
    Punctuation,
    Line,
    Blank,
    Han,
    Kana,
    Hangul,
    Cyrillic,
    OtherLetter,
    WidePunctuation,
    Symbol,
}

/// Looks at each character once.
pub fn features(text: &str) -> Features {
    let mut found = [0; FEATURES];
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let kind = kind(first);
        let end = rest.find(|next| !belongs(kind, self::kind(next))).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        add_run(&mut found, kind, run);
        rest = behind;
    }
    found
}

/// Whether a run that begins with `first` goes on with `next`.
fn belongs(first: Kind, next: Kind) -> bool {
    match first {
        Kind::Letter | Kind::Accented | Kind::Digit => matches!(next, Kind::Letter | Kind::Accented | Kind::Digit),
        Kind::Line => matches!(next, Kind::Line | Kind::Blank),
        _ => next == first,
    }
}

fn add_run(found: &mut Features, kind: Kind, run: &str) {
    let characters = run.chars().count() as u64;
    match kind {
        Kind::Letter | Kind::Accented | Kind::Digit => {
            if is_opaque(run) {
                found[OPAQUE] += characters;
            } else {
                add_words(found, run);
            }
        }
        Kind::Punctuation => {
            found[PUNCTUATION] += 1;
            found[PUNCTUATION_MORE] += characters - 1;
        }
        Kind::Line => found[LINES] += characters.div_ceil(BLANKS_OF_A_TOKEN),
        Kind::Blank if characters > 1 => found[BLANKS] += characters.div_ceil(BLANKS_OF_A_TOKEN),
        Kind::Blank => {}
        Kind::Han => found[HAN] += characters,
        Kind::Kana => found[KANA] += characters,
        Kind::Hangul => found[HANGUL] += characters,
        Kind::Cyrillic => found[CYRILLIC] += characters,
        Kind::OtherLetter => found[OTHER_LETTERS] += characters,
        Kind::WidePunctuation => found[WIDE_PUNCTUATION] += characters,
        Kind::Symbol => found[SYMBOLS] += characters,
    }
}

/// Letters and digits, piece by piece.
fn add_words(found: &mut Features, run: &str) {
    let mut rest = run;
    while let Some(first) = rest.chars().next() {
        let is_number = first.is_ascii_digit();
        let mut before = first;
        let end = rest
            .find(|next: char| {
                let is_cut = next.is_ascii_digit() != is_number || before.is_lowercase() && next.is_uppercase();
                before = next;
                is_cut
            })
            .unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let length = word.chars().count();
        if is_number {
            found[DIGIT_GROUPS] += length.div_ceil(DIGITS_OF_A_GROUP) as u64;
        } else if word.is_ascii() {
            found[WORDS] += 1;
            found[WORD_LETTERS] += length.saturating_sub(SHORT_WORD_LETTERS) as u64;
        } else {
            found[ACCENTED_WORDS] += 1;
            found[ACCENTED_LETTERS] += length as u64;
        }
        rest = behind;
    }
}

/// Digits, small letters and capitals in a disorder that no name has.
fn is_opaque(run: &str) -> bool {
    if run.len() < OPAQUE_MIN || !run.is_ascii() {
        return false;
    }
    let sort = |byte: u8| {
        if byte.is_ascii_digit() {
            1
        } else if byte.is_ascii_uppercase() {
            2
        } else {
            4
        }
    };
    let bytes = run.as_bytes();
    let changes = bytes.windows(2).filter(|pair| sort(pair[0]) != sort(pair[1])).count();
    bytes.iter().fold(0, |seen, byte| seen | sort(*byte)) == 7 && changes * 3 >= bytes.len()
}

fn kind(character: char) -> Kind {
    match character {
        'a'..='z' | 'A'..='Z' => Kind::Letter,
        '0'..='9' => Kind::Digit,
        '\n' | '\r' => Kind::Line,
        ' ' | '\t' | '\u{b}' | '\u{c}' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{3000}' => Kind::Blank,
        '\0'..='\u{7f}' => Kind::Punctuation,
        '\u{80}'..='\u{bf}' | '×' | '÷' => Kind::WidePunctuation,
        '\u{c0}'..='\u{24f}' | '\u{300}'..='\u{36f}' | '\u{1e00}'..='\u{1eff}' => Kind::Accented,
        '\u{400}'..='\u{52f}' => Kind::Cyrillic,
        '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7ff}' => Kind::Hangul,
        '\u{250}'..='\u{1fff}' => Kind::OtherLetter,
        '\u{200b}'..='\u{206f}' | '\u{3001}'..='\u{303f}' | '\u{ff00}'..='\u{ffef}' => Kind::WidePunctuation,
        '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' => Kind::Kana,
        '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => Kind::Han,
        _ => Kind::Symbol,
    }
}
