//! The id of a reservation.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use super::{OrchestratorId, base64url, is_encoded};
use crate::domain::period::Periods;

/// The digit of the periods and the random part.
const KEY_LEN: usize = 1 + base64url::ENCODED_LEN;

/// The id of a reservation: `<periods><22 characters>.<orchestrator, encoded>`.
///
/// `<periods>` is the digit of [`super::period::Periods::bits`]; the 22 characters are a random
/// UUID in base64url. The id alone therefore tells which keys hold the reservation, so that any
/// process can settle it in one round trip.
///
/// ```
/// use token_budget::domain::identifier::{OrchestratorId, ReservationId};
/// use token_budget::domain::period::Periods;
///
/// let orchestrator = OrchestratorId::new("team-a").unwrap();
/// let id = ReservationId::generate(&orchestrator, Periods::ALL);
/// assert!(id.as_str().starts_with('7') && id.as_str().ends_with(".team-a"));
/// assert_eq!(ReservationId::parse(id.as_str()).unwrap().orchestrator(), orchestrator);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Box<str>", into = "Box<str>")]
pub struct ReservationId(Box<str>);

/// What tells reservations of one orchestrator apart: the id's part before the dot. Sorts as the
/// ids do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReservationKey([u8; KEY_LEN]);

impl ReservationKey {
    /// The whole id again.
    pub fn to_id(self, orchestrator: &OrchestratorId) -> ReservationId {
        let mut id = String::with_capacity(KEY_LEN + 1 + orchestrator.encoded().len());
        id.extend(self.0.map(char::from));
        id.push('.');
        id.push_str(orchestrator.encoded());
        ReservationId(id.into_boxed_str())
    }
}

impl Serialize for ReservationKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Made of ASCII only.
        serializer.serialize_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for ReservationKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        let key = text.as_bytes().try_into().ok().filter(|_| text.is_ascii());
        key.map(Self).ok_or_else(|| de::Error::custom("a reservation's key has another length"))
    }
}

impl ReservationId {
    /// A new random id.
    pub fn generate(orchestrator: &OrchestratorId, periods: Periods) -> Self {
        let mut key = [b'0' + periods.bits(); KEY_LEN];
        key[1..].copy_from_slice(&base64url::encode(Uuid::new_v4().into_bytes()));
        ReservationKey(key).to_id(orchestrator)
    }

    /// `None` when `text` is not the id of a reservation.
    pub fn parse(text: &str) -> Option<Self> {
        let (key, orchestrator) = text.split_at_checked(KEY_LEN)?;
        let (digit, random) = key.as_bytes().split_first()?;
        let is_id = matches!(digit, b'1'..=b'7')
            && base64url::is_encoded(random)
            && is_encoded(orchestrator.strip_prefix('.')?);
        is_id.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn periods(&self) -> Periods {
        // Every constructor made sure of the digit.
        Periods::from_bits(self.0.as_bytes()[0] - b'0').unwrap_or(Periods::ALL)
    }

    pub fn orchestrator(&self) -> OrchestratorId {
        OrchestratorId { encoded: self.orchestrator_encoded().into() }
    }

    /// The orchestrator in its key form.
    pub fn orchestrator_encoded(&self) -> &str {
        &self.0[KEY_LEN + 1..]
    }

    pub fn key(&self) -> ReservationKey {
        let mut key = [0; KEY_LEN];
        key.copy_from_slice(&self.0.as_bytes()[..KEY_LEN]);
        ReservationKey(key)
    }
}

impl TryFrom<Box<str>> for ReservationId {
    type Error = String;

    fn try_from(text: Box<str>) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("not the id of a reservation: {text}"))
    }
}

impl From<ReservationId> for Box<str> {
    fn from(id: ReservationId) -> Self {
        id.0
    }
}
