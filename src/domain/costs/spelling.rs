//! The many ways to write the name of one model.

/// As names are compared.
pub fn normal(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The same, with versions written in one way: `claude-sonnet-4.5` is `claude-sonnet-4-5`.
pub fn canonical(name: &str) -> String {
    let name = normal(name);
    let bytes = name.as_bytes();
    let is_digit = |index: Option<usize>| index.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let in_version = |at: usize| is_digit(at.checked_sub(1)) && is_digit(at.checked_add(1));
    name.char_indices().map(|(at, char)| if char == '.' && in_version(at) { '-' } else { char }).collect()
}

/// Without the day a model was made on: `-20250929`, `@20250929` or `-2025-09-29` at the end.
pub fn without_date(name: &str) -> Option<&str> {
    for pattern in ["-####-##-##", "-########", "@########"] {
        let Some(start) = name.len().checked_sub(pattern.len()) else { continue };
        let is_date = name.as_bytes()[start..].iter().zip(pattern.bytes()).all(|(&found, expected)| match expected {
            b'#' => found.is_ascii_digit(),
            _ => found == expected,
        });
        // An ASCII byte begins the date, so this is the end of a character.
        if is_date && start > 0 {
            return Some(&name[..start]);
        }
    }
    None
}

/// With dashes in each day, `-20250929` as `-2025-09-29`; `None` when there is none.
pub fn with_dashed_dates(name: &str) -> Option<String> {
    const LENGTH: usize = "-20250929".len();
    let mut dashed = String::with_capacity(name.len() + 2);
    let mut rest = name;
    while let Some(at) = rest.find('-') {
        let tail = &rest[at..];
        dashed.push_str(&rest[..at]);
        let ends = matches!(tail.as_bytes().get(LENGTH), None | Some(b'-' | b':'));
        if let Some(date) = tail.get(1..LENGTH).filter(|date| ends && is_day(date)) {
            dashed.extend(["-", &date[..4], "-", &date[4..6], "-", &date[6..]]);
            rest = &tail[LENGTH..];
        } else {
            dashed.push('-');
            rest = &tail[1..];
        }
    }
    dashed.push_str(rest);
    (dashed != name).then_some(dashed)
}

/// Eight digits that are a day of this century.
fn is_day(date: &str) -> bool {
    if !date.starts_with("20") || !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let part = |range: std::ops::Range<usize>| date[range].parse::<u32>().unwrap_or(0);
    chrono::NaiveDate::from_ymd_opt(part(0..4).cast_signed(), part(4..6), part(6..8)).is_some()
}

/// Amazon's way: the maker, maybe behind a region, and the model, as in `us.anthropic.claude-...`.
pub fn is_bedrock(name: &str) -> bool {
    name.split_once('.').is_some_and(|(_, rest)| rest.starts_with(|char: char| char.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_written_in_one_way() {
        for (name, expected) in [
            ("claude-sonnet-4.5", "claude-sonnet-4-5"),
            (" Claude-Sonnet-4-5 ", "claude-sonnet-4-5"),
            ("us.anthropic.claude", "us.anthropic.claude"),
            ("é.5", "é.5"),
            (".5.", ".5."),
            ("", ""),
        ] {
            assert_eq!(canonical(name), expected);
        }
    }

    #[test]
    fn days_are_found_at_the_end_of_a_name() {
        assert_eq!(without_date("claude-sonnet-4-5-20250929"), Some("claude-sonnet-4-5"));
        assert_eq!(without_date("claude-sonnet-4-5@20250929"), Some("claude-sonnet-4-5"));
        assert_eq!(without_date("gpt-4o-2024-08-06"), Some("gpt-4o"));
        for name in ["gpt-4o", "-20250929", "", "modèle"] {
            assert_eq!(without_date(name), None);
        }
    }

    #[test]
    fn days_are_written_with_dashes() {
        assert_eq!(with_dashed_dates("gpt-4o-20240806").as_deref(), Some("gpt-4o-2024-08-06"));
        assert_eq!(with_dashed_dates("a-20240806-b:c").as_deref(), Some("a-2024-08-06-b:c"));
        for name in ["a-20241301", "a-20240230", "a-20240806b", "a-2024080", "a", "é-ééééé"] {
            assert_eq!(with_dashed_dates(name), None, "{name}");
        }
    }

    #[test]
    fn bedrock_names_its_makers() {
        for name in ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-v2", "us-gov.amazon.nova"] {
            assert!(is_bedrock(name));
        }
        for name in ["gpt-4.1", "claude-sonnet-4.5", "o3"] {
            assert!(!is_bedrock(name));
        }
    }
}
