//! Identifiers and how they are written in keys.

/// The longest orchestrator id, in bytes of UTF-8.
pub const ORCHESTRATOR_ID_MAX_BYTES: usize = 256;

/// The key form of any identifier given by JavaScript (request ids, override ids): the same
/// encoding as [`OrchestratorId`], without its bounds.
pub fn encode_utf16(id: &[u16]) -> String {
    let _ = id;
    todo!()
}

/// Who a budget belongs to.
///
/// Kept in its key form: characters that mean something in a key (`:` `{` `}` `%` `*` `?` `[` `]`
/// `\`, white space, control characters) are percent-encoded byte by byte, so that two
/// different ids never share a key. Ordinary ids appear as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
        let _ = id;
        todo!()
    }

    /// As it stands in keys and in reservation ids.
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// The same for a JavaScript string. A lone surrogate is encoded as the three bytes it would
    /// have in WTF-8 (`\uD800` is `%ED%A0%80`), so that it stays told apart from any other.
    pub fn from_utf16(id: &[u16]) -> Option<Self> {
        let _ = id;
        todo!()
    }

    /// From its key form, as found in a key or in a reservation id; `None` when it is not one.
    pub fn from_encoded(encoded: &str) -> Option<Self> {
        let _ = encoded;
        todo!()
    }

    /// As it was given, for JavaScript.
    pub fn decoded_utf16(&self) -> Vec<u16> {
        todo!()
    }
}

/// The id of a reservation: `<periods><22 characters>.<orchestrator, encoded>`.
///
/// `<periods>` is the digit of [`super::period::Periods::bits`]; the 22 characters are a random
/// UUID in base64url. The id alone therefore tells which keys hold the reservation, so that any
/// process can settle it in one round trip.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReservationId(Box<str>);

impl ReservationId {
    /// A new random id.
    pub fn generate(orchestrator: &OrchestratorId, periods: super::period::Periods) -> Self {
        let _ = (orchestrator, periods);
        todo!()
    }

    /// `None` when `text` is not the id of a reservation.
    pub fn parse(text: &str) -> Option<Self> {
        let _ = text;
        todo!()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn periods(&self) -> super::period::Periods {
        todo!()
    }

    pub fn orchestrator(&self) -> OrchestratorId {
        todo!()
    }
}
