//! Which tokenizer a model has, by its name.

use super::weights::{self, Weights};

/// Models that cut text alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// OpenAI since GPT-4o.
    O200k,
    /// OpenAI's names that nobody knew when this was written: most likely as the last known ones.
    LaterOpenAi,
    /// OpenAI from GPT-3.5 to GPT-4 Turbo, and its embeddings.
    Cl100k,
    /// Up to Opus 4.6, Sonnet 4.6 and Haiku 4.5.
    Claude,
    /// From Opus 4.7 and Sonnet 5 on.
    NewerClaude,
    Gemini,
    Llama,
    /// Counted as `Claude`, which counts more than most: a limit is then rather kept too well than exceeded.
    Unknown,
}

/// Published dictionaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    O200kBase,
    Cl100kBase,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Self::O200kBase => "o200k_base",
            Self::Cl100kBase => "cl100k_base",
        }
    }
}

const O200K: &[&str] = &["gpt-5", "gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-oss", "chatgpt-4o", "o1", "o3", "o4-mini"];
const CL100K: &[&str] = &[
    "gpt-4",
    "gpt-3.5",
    "gpt-35-turbo",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "text-embedding-ada-002",
    "davinci-002",
    "babbage-002",
];
/// The first Claude (major, minor) with the newer tokenizer.
const NEWER_CLAUDE_FROM: (u32, u32) = (4, 7);

impl Family {
    /// Names as the providers, Azure, Bedrock, Vertex AI and OpenRouter write them; unknown ones are `Unknown`.
    ///
    /// ```
    /// use token_budget::domain::token_count::Family;
    /// assert_eq!(Family::of("us.anthropic.claude-3-5-haiku-20241022-v1:0"), Family::Claude);
    /// assert_eq!(Family::of("openai/gpt-4o-mini"), Family::O200k);
    /// ```
    pub fn of(model: &str) -> Self {
        let lower = model.to_ascii_lowercase();
        if let Some((_, version)) = lower.split_once("claude") {
            return claude(version);
        }
        let name = lower.rsplit('/').next().unwrap_or(&lower);
        // Fine-tuned: `ft:gpt-4o:organisation::id`.
        let name = name.strip_prefix("ft:").unwrap_or(name);
        let is_one_of = |names: &[&str]| names.iter().any(|known| is_of(name, known));
        if is_one_of(O200K) {
            Self::O200k
        } else if is_one_of(CL100K) {
            Self::Cl100k
        } else if name.starts_with("gpt-") || name.starts_with("chatgpt-") || is_reasoning(name) {
            Self::LaterOpenAi
        } else if name.contains("gemini") || name.contains("gemma") {
            Self::Gemini
        } else if name.contains("llama") {
            Self::Llama
        } else {
            Self::Unknown
        }
    }

    /// The dictionary that its models are counted with, where there is one.
    pub fn encoding(self) -> Option<Encoding> {
        match self {
            Self::O200k | Self::LaterOpenAi => Some(Encoding::O200kBase),
            Self::Cl100k => Some(Encoding::Cl100kBase),
            Self::Claude | Self::NewerClaude | Self::Gemini | Self::Llama | Self::Unknown => None,
        }
    }

    /// Whether the provider says that these models use [`Self::encoding`].
    pub fn is_certain(self) -> bool {
        matches!(self, Self::O200k | Self::Cl100k)
    }

    pub(super) fn weights(self) -> &'static Weights {
        match self {
            Self::O200k | Self::LaterOpenAi => &weights::O200K,
            Self::Cl100k => &weights::CL100K,
            Self::NewerClaude => &weights::NEWER_CLAUDE,
            Self::Gemini => &weights::GEMINI,
            Self::Llama => &weights::LLAMA,
            Self::Claude | Self::Unknown => &weights::CLAUDE,
        }
    }
}

/// `gpt-5`, `gpt-5.1`, `gpt-5-mini` and `gpt-5:organisation` are of `gpt-5`; `gpt-50` is not.
fn is_of(name: &str, known: &str) -> bool {
    name.strip_prefix(known).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
}

/// `o5`, `o5-mini`.
fn is_reasoning(name: &str) -> bool {
    name.strip_prefix('o').is_some_and(|rest| {
        let number = rest.split('-').next().unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// `version` is what follows `claude`: `-3-5-sonnet-20241022`, `-opus-4-7`, `-sonnet-5`, `-opus-4.8@20260101`.
fn claude(version: &str) -> Family {
    // Dates have more digits.
    let mut numbers = version
        .split(|next: char| !next.is_ascii_digit())
        .filter(|digits| (1..=2).contains(&digits.len()))
        .filter_map(|digits| digits.parse().ok());
    let Some(major) = numbers.next() else {
        // `claude-instant`, or an alias of whatever is newest: the newer ones count more.
        return if version.contains("instant") { Family::Claude } else { Family::NewerClaude };
    };
    // Bedrock appends `-v1:0`.
    let minor = if version.contains(&format!("{major}-v")) { 0 } else { numbers.next().unwrap_or(0) };
    if (major, minor) >= NEWER_CLAUDE_FROM { Family::NewerClaude } else { Family::Claude }
}
