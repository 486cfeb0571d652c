//! The decisions: pure functions of (state, now, request).
