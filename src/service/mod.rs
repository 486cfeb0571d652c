//! Joins clock, store and domain; owns the I/O thread.
