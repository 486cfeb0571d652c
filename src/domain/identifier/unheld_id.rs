//! The id of a reservation that holds nothing.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{OrchestratorId, base64url, is_encoded};

/// Before the id of a reservation would begin; its digit of no periods follows.
const BEGIN: &str = "~0";

const MARK_LEN: usize = BEGIN.len() + base64url::ENCODED_LEN;

/// The id of a reservation that was granted while the store was away: `~0<22 characters>.<orchestrator, encoded>`.
/// Any process can settle it, knowing the id alone, and the store tells whether that happened before.
///
/// ```
/// use token_budget::domain::identifier::{OrchestratorId, ReservationId, UnheldId};
///
/// let id = UnheldId::generate(&OrchestratorId::new("team-a").unwrap());
/// assert_eq!(UnheldId::parse(id.as_str()), Some(id.clone()));
/// assert_eq!(ReservationId::parse(id.as_str()), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Box<str>", into = "Box<str>")]
pub struct UnheldId(Box<str>);

impl UnheldId {
    /// A new random id.
    pub fn generate(orchestrator: &OrchestratorId) -> Self {
        let random = base64url::encode(Uuid::new_v4().into_bytes());
        let mut id = String::with_capacity(MARK_LEN + 1 + orchestrator.encoded().len());
        id.push_str(BEGIN);
        id.extend(random.map(char::from));
        id.push('.');
        id.push_str(orchestrator.encoded());
        Self(id.into_boxed_str())
    }

    /// `None` when `text` is not such an id. That of a real reservation is none, whatever stands before it.
    pub fn parse(text: &str) -> Option<Self> {
        let (mark, orchestrator) = text.split_at_checked(MARK_LEN)?;
        let is_id =
            base64url::is_encoded(mark.strip_prefix(BEGIN)?.as_bytes()) && is_encoded(orchestrator.strip_prefix('.')?);
        is_id.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is remembered among the request ids of the orchestrator once the reservation has ended.
    pub fn mark(&self) -> &str {
        &self.0[..MARK_LEN]
    }

    pub fn orchestrator(&self) -> OrchestratorId {
        OrchestratorId { encoded: self.0[MARK_LEN + 1..].into() }
    }
}

impl TryFrom<Box<str>> for UnheldId {
    type Error = String;

    fn try_from(text: Box<str>) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("not the id of a reservation: {text}"))
    }
}

impl From<UnheldId> for Box<str> {
    fn from(id: UnheldId) -> Self {
        id.0
    }
}
