//! Reported token usage.

/// The disjoint parts of a usage. They describe the total; the total is what is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts {
    pub prompt: u64,
    pub completion: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub reasoning: u64,
}

impl Parts {
    /// Tokens of `total` that no part accounts for.
    pub fn unattributed(&self, total: u64) -> u64 {
        [self.prompt, self.completion, self.cache_read, self.cache_write, self.reasoning]
            .into_iter()
            .fold(total, u64::saturating_sub)
    }
}

/// Tokens that were spent, with what is known about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The tokens that are counted.
    pub total: u64,
    pub parts: Parts,
    /// Empty when unknown; counted under the model `unknown`.
    pub model: String,
    /// Empty when unknown.
    pub session_id: String,
    /// The same id counts once within the idempotency TTL.
    pub request_id: Option<String>,
    /// A JSON object as text, kept in the history.
    pub metadata_json: Option<String>,
    /// When it happened, as reported; kept in the history. Milliseconds since the Unix epoch.
    pub reported_at_ms: u64,
    /// When it happened by the store's clock; decides the windows it counts in. `None` is now.
    pub occurred_at_ms: Option<u64>,
}
