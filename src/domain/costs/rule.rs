//! Which names of a model or a provider a price belongs to.

use serde::Deserialize;

/// A rule about a name in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Rule {
    Equals {
        equals: String,
    },
    Starts {
        starts: String,
    },
    Ends {
        ends: String,
    },
    Contains {
        contains: String,
    },
    /// Each `#` stands for a digit. `open`: anything may follow.
    Digits {
        digits: String,
        #[serde(default)]
        open: bool,
    },
    Or {
        or: Vec<Rule>,
    },
    And {
        and: Vec<Rule>,
    },
    Not {
        not: Box<Rule>,
    },
}

impl Rule {
    /// ```
    /// use token_budget::domain::costs::rule::Rule;
    /// let rule: Rule = serde_json::from_str(r#"{"digits":"gpt-6-####"}"#).unwrap();
    /// assert!(rule.matches("gpt-6-2026") && !rule.matches("gpt-6-2026-mini") && !rule.matches("gpt-6-next"));
    /// ```
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Equals { equals } => name == equals,
            Self::Starts { starts } => name.starts_with(starts.as_str()),
            Self::Ends { ends } => name.ends_with(ends.as_str()),
            Self::Contains { contains } => name.contains(contains.as_str()),
            Self::Digits { digits, open } => has_digits(name, digits, *open),
            Self::Or { or } => or.iter().any(|rule| rule.matches(name)),
            Self::And { and } => and.iter().all(|rule| rule.matches(name)),
            Self::Not { not } => !not.matches(name),
        }
    }
}

fn has_digits(name: &str, pattern: &str, open: bool) -> bool {
    let (name, pattern) = (name.as_bytes(), pattern.as_bytes());
    let fits = if open { name.len() >= pattern.len() } else { name.len() == pattern.len() };
    fits && pattern.iter().zip(name).all(|(&expected, &found)| match expected {
        b'#' => found.is_ascii_digit(),
        _ => found == expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_rule_is_read_and_kept() {
        let cases = [
            (r#"{"equals":"o3"}"#, "o3", "o3-pro"),
            (r#"{"starts":"o3"}"#, "o3-pro", "no3"),
            (r#"{"ends":":free"}"#, "x:free", "x:free-"),
            (r#"{"contains":"claude"}"#, "my-claude-2", "clause"),
            (r##"{"digits":"a-#","open":true}"##, "a-1b", "a-b"),
            (r#"{"or":[{"equals":"a"},{"equals":"b"}]}"#, "b", "c"),
            (r#"{"and":[{"starts":"a"},{"ends":"b"}]}"#, "a-b", "a-c"),
            (r#"{"not":{"contains":"/"}}"#, "a", "a/b"),
        ];
        for (written, kept, broken) in cases {
            let rule: Rule = serde_json::from_str(written).expect(written);
            assert!(rule.matches(kept) && !rule.matches(broken), "{written}");
        }
        assert!(serde_json::from_str::<Rule>(r#"{"regex":"^a"}"#).is_err());
    }
}
