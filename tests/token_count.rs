//! Token counts: exact ones with the feature `token-counting`, approximations against exact ones.

use token_budget::domain::token_count::{Family, Method, approximate, estimate};

/// One of `tests/texts`, and its tokens: `o200k_base` and `cl100k_base` as OpenAI's own library counts them, Claude
/// before and from Opus 4.7 as its counting endpoint does, Gemini as Gemma 3's published tokenizer does.
struct Counted {
    name: &'static str,
    text: &'static str,
    o200k: u64,
    cl100k: u64,
    claude: u64,
    newer_claude: u64,
    gemini: u64,
}

const TEXTS: [Counted; 5] = [
    Counted {
        name: "English",
        text: include_str!("texts/english.txt"),
        o200k: 255,
        cl100k: 257,
        claude: 268,
        newer_claude: 356,
        gemini: 264,
    },
    Counted {
        name: "code",
        text: include_str!("texts/code.txt"),
        o200k: 292,
        cl100k: 292,
        claude: 372,
        newer_claude: 470,
        gemini: 350,
    },
    Counted {
        name: "German",
        text: include_str!("texts/german.txt"),
        o200k: 278,
        cl100k: 346,
        claude: 405,
        newer_claude: 577,
        gemini: 284,
    },
    Counted {
        name: "Chinese",
        text: include_str!("texts/chinese.txt"),
        o200k: 298,
        cl100k: 433,
        claude: 393,
        newer_claude: 393,
        gemini: 269,
    },
    Counted {
        name: "JSON",
        text: include_str!("texts/json.txt"),
        o200k: 323,
        cl100k: 321,
        claude: 363,
        newer_claude: 411,
        gemini: 371,
    },
];

/// The worst that `docs/token-counting.md` admits for these kinds of text.
const OFF_PERCENT_MAX: f64 = 22.0;

#[test]
fn approximations_are_as_near_as_documented() {
    for counted in &TEXTS {
        for (family, exact) in [
            (Family::O200k, counted.o200k),
            (Family::Cl100k, counted.cl100k),
            (Family::Claude, counted.claude),
            (Family::NewerClaude, counted.newer_claude),
            (Family::Gemini, counted.gemini),
        ] {
            let tokens = approximate(counted.text, family);
            let off_percent = (tokens as f64 / exact as f64 - 1.0).abs() * 100.0;
            assert!(off_percent <= OFF_PERCENT_MAX, "{} {family:?}: {tokens} for {exact}", counted.name);
        }
    }
}

#[test]
fn only_an_empty_text_has_no_tokens() {
    for model in ["gpt-4o", "claude-opus-4-7", "gemini-3-pro", "llama-3.3-70b", "something-new", ""] {
        assert_eq!(estimate("", model).tokens, 0, "{model}");
        for text in ["a", " ", "\n", "\u{0}", "0", "…", "é", "字", "\u{FFFD}", "\u{200d}", "🙂", "\u{10FFFF}"] {
            assert!(estimate(text, model).tokens >= 1, "{model} {text:?}");
        }
    }
}

#[test]
fn more_text_never_has_fewer_tokens_by_approximation() {
    for counted in &TEXTS {
        let mut before = 0;
        for (end, _) in counted.text.char_indices() {
            let tokens = approximate(&counted.text[..end], Family::Gemini);
            // A word that goes on may turn out to be of another kind: a token or two cheaper.
            assert!(tokens + 3 >= before, "{} at {end}: {tokens} after {before}", counted.name);
            before = tokens;
        }
        assert!(approximate(&counted.text.repeat(2), Family::Gemini) > before, "{}", counted.name);
    }
}

#[test]
fn long_runs_take_no_longer_than_their_length() {
    let begun = std::time::Instant::now();
    for piece in ["a", "aB3", " ", "\n", "字", "é", "=", "7"] {
        let tokens = approximate(&piece.repeat(1_000_000), Family::O200k);
        assert!(tokens >= 50_000, "{piece:?}: {tokens}");
    }
    // Seconds, where a second look at each character would take hours.
    assert!(begun.elapsed().as_secs() < 30);
}

#[test]
fn models_by_their_names() {
    for (family, models) in [
        (
            Family::O200k,
            &[
                "gpt-5",
                "gpt-5.1-codex",
                "gpt-5-mini-2025-08-07",
                "GPT-4o",
                "openai/gpt-4.1-nano",
                "o1",
                "o3-pro",
                "o4-mini",
                "chatgpt-4o-latest",
                "ft:gpt-4o-mini-2024-07-18:team::abc",
                "gpt-oss-120b",
            ][..],
        ),
        (Family::Cl100k, &["gpt-4", "gpt-4-turbo", "gpt-3.5-turbo-0125", "gpt-35-turbo", "text-embedding-3-large"][..]),
        (Family::LaterOpenAi, &["gpt-6", "gpt-50", "o5-mini", "chatgpt-9"][..]),
        (
            Family::Claude,
            &[
                "claude-3-5-haiku-20241022",
                "claude-3-7-sonnet-latest",
                "claude-sonnet-4-20250514",
                "claude-sonnet-4-5@20250929",
                "anthropic/claude-opus-4.6",
                "claude-2.1",
                "claude-instant-1.2",
                "us.anthropic.claude-opus-4-20250514-v1:0",
                "anthropic.claude-sonnet-4-5-20250929-v1:0",
            ][..],
        ),
        (
            Family::NewerClaude,
            &[
                "claude-opus-4-7",
                "claude-opus-4-8-20260601",
                "anthropic/claude-opus-4.7",
                "claude-sonnet-5",
                "claude-opus-5",
                "claude-fable-5",
                "claude-mythos-preview",
                "eu.anthropic.claude-opus-4-7-v1:0",
            ][..],
        ),
        (Family::Gemini, &["gemini-2.5-flash", "models/gemini-3-pro", "google/gemma-3-27b-it"][..]),
        (Family::Llama, &["meta-llama/Llama-3.3-70B-Instruct", "us.meta.llama4-scout-17b-instruct-v1:0"][..]),
        (Family::Unknown, &["", "mistral-large", "o", "omni-1", "qwen3-max", "字"][..]),
    ] {
        for model in models {
            assert_eq!(Family::of(model), family, "{model}");
        }
    }
}

#[cfg(not(feature = "token-counting"))]
#[test]
fn without_dictionaries_all_is_approximated() {
    for model in ["gpt-4o", "gpt-4", "claude-sonnet-5", "something-new"] {
        let counted = estimate("Hello, world!", model);
        assert_eq!((counted.method, counted.is_estimate), (Method::Approximation, true), "{model}");
    }
}

#[cfg(feature = "token-counting")]
mod with_dictionaries {
    use token_budget::domain::token_count::Encoding;

    use super::*;

    #[test]
    fn texts_have_the_tokens_that_openai_counts() {
        for counted in &TEXTS {
            assert_exact(counted.text, "gpt-5-mini", counted.o200k, Encoding::O200kBase);
            assert_exact(counted.text, "gpt-4-turbo", counted.cl100k, Encoding::Cl100kBase);
        }
    }

    /// From OpenAI's cookbook, "How to count tokens with tiktoken".
    #[test]
    fn published_examples() {
        for (text, cl100k, o200k) in [
            ("tiktoken is great!", 6, 6),
            ("antidisestablishmentarianism", 6, 6),
            ("2 + 2 = 4", 7, 7),
            ("お誕生日おめでとう", 9, 8),
        ] {
            assert_exact(text, "gpt-4", cl100k, Encoding::Cl100kBase);
            assert_exact(text, "gpt-4o", o200k, Encoding::O200kBase);
        }
    }

    #[test]
    fn special_tokens_are_text() {
        let counted = estimate("<|endoftext|>", "gpt-4o");
        assert_eq!(counted.tokens, 7);
    }

    #[test]
    fn a_name_not_known_yet_is_an_estimate() {
        let counted = estimate("tiktoken is great!", "gpt-6");
        assert_eq!(
            (counted.tokens, counted.method, counted.is_estimate),
            (6, Method::Tiktoken(Encoding::O200kBase), true)
        );
    }

    #[test]
    fn other_providers_are_approximated_as_without() {
        for model in ["claude-sonnet-5", "gemini-3-pro", "llama-3.3-70b", "something-new"] {
            let counted = estimate(TEXTS[0].text, model);
            assert_eq!((counted.method, counted.is_estimate), (Method::Approximation, true), "{model}");
            assert_eq!(counted.tokens, approximate(TEXTS[0].text, Family::of(model)));
        }
    }

    /// Quadratic mergers and recursive matchers die of these.
    #[test]
    fn long_runs_do_no_harm() {
        for (piece, tokens) in [("a", 125_000), (" ", 7_813)] {
            assert_eq!(estimate(&piece.repeat(1_000_000), "gpt-4o").tokens, tokens, "{piece:?}");
        }
    }

    fn assert_exact(text: &str, model: &str, tokens: u64, encoding: Encoding) {
        let counted = estimate(text, model);
        assert_eq!(
            (counted.tokens, counted.method, counted.is_estimate),
            (tokens, Method::Tiktoken(encoding), false),
            "{model}: {text}"
        );
    }
}
