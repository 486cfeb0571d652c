//! Identifiers and how they are written in keys.

mod base64url;
mod encoding;
mod reservation_id;
mod unheld_id;

pub use reservation_id::{ReservationId, ReservationKey};
pub use unheld_id::UnheldId;

use serde::{Deserialize, Serialize};

/// The longest orchestrator id, in bytes of UTF-8.
pub const ORCHESTRATOR_ID_MAX_BYTES: usize = 256;

/// The key form of any identifier given by JavaScript (request ids, override ids): the same
/// encoding as [`OrchestratorId`], without its bounds.
///
/// ```
/// use token_budget::domain::identifier::encode_utf16;
/// let id: Vec<u16> = "run 7".encode_utf16().collect();
/// assert_eq!(encode_utf16(&id), "run%207");
/// ```
pub fn encode_utf16(id: &[u16]) -> String {
    encoding::encode_utf16(id)
}

/// Who a budget belongs to.
///
/// Kept in its key form: characters that mean something in a key (`:` `{` `}` `%` `*` `?` `[` `]`
/// `\`, white space, control characters) are percent-encoded byte by byte, so that two
/// different ids never share a key. Ordinary ids appear as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Box<str>", into = "Box<str>")]
pub struct OrchestratorId {
    encoded: Box<str>,
}

impl OrchestratorId {
    /// `None` when `id` is empty or longer than [`ORCHESTRATOR_ID_MAX_BYTES`].
    ///
    /// ```
    /// use token_budget::domain::identifier::OrchestratorId;
    /// assert_eq!(OrchestratorId::new("team:a").unwrap().encoded(), "team%3Aa");
    /// ```
    pub fn new(id: &str) -> Option<Self> {
        Self::bounded(id.len(), || encoding::encode_str(id))
    }

    /// As it stands in keys and in reservation ids.
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// The same for a JavaScript string. A lone surrogate is encoded as the three bytes it would
    /// have in WTF-8 (`\uD800` is `%ED%A0%80`), so that it stays told apart from any other.
    pub fn from_utf16(id: &[u16]) -> Option<Self> {
        Self::bounded(encoding::wtf8_len(id), || encoding::encode_utf16(id))
    }

    /// From its key form, as found in a key or in a reservation id; `None` when it is not one.
    pub fn from_encoded(encoded: &str) -> Option<Self> {
        is_encoded(encoded).then(|| Self { encoded: encoded.into() })
    }

    /// As it was given, for JavaScript.
    pub fn decoded_utf16(&self) -> Vec<u16> {
        // Every constructor made sure that this decodes.
        encoding::decode_utf16(&self.encoded).unwrap_or_default()
    }

    fn bounded(length_bytes: usize, encode: impl FnOnce() -> String) -> Option<Self> {
        (1..=ORCHESTRATOR_ID_MAX_BYTES).contains(&length_bytes).then(|| Self { encoded: encode().into_boxed_str() })
    }
}

impl TryFrom<Box<str>> for OrchestratorId {
    type Error = String;

    fn try_from(encoded: Box<str>) -> Result<Self, String> {
        Self::from_encoded(&encoded).ok_or_else(|| format!("not the key form of an identifier: {encoded}"))
    }
}

impl From<OrchestratorId> for Box<str> {
    fn from(id: OrchestratorId) -> Self {
        id.encoded
    }
}

/// Whether `text` is the key form of some orchestrator.
fn is_encoded(text: &str) -> bool {
    if encoding::is_plain(text) {
        return (1..=ORCHESTRATOR_ID_MAX_BYTES).contains(&text.len());
    }
    encoding::decode_utf16(text).is_some_and(|id| {
        (1..=ORCHESTRATOR_ID_MAX_BYTES).contains(&encoding::wtf8_len(&id)) && encoding::encode_utf16(&id) == text
    })
}

#[cfg(test)]
mod tests;
