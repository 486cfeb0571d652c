//! For fields whose fields stand by their names: `#[serde(with = "named")]`.

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserializer, Serialize, Serializer};

pub(crate) fn serialize<T: Serialize + ?Sized, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(&rmp_serde::to_vec_named(value).map_err(S::Error::custom)?)
}

pub(crate) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_bytes(Bytes(std::marker::PhantomData)).and_then(|read| read.map_err(D::Error::custom))
}

struct Bytes<T>(std::marker::PhantomData<T>);

impl<T: DeserializeOwned> serde::de::Visitor<'_> for Bytes<T> {
    type Value = Result<T, rmp_serde::decode::Error>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(rmp_serde::from_slice(bytes))
    }
}
