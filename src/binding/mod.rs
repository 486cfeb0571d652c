//! The only place that names napi.
