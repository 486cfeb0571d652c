//! The embedded store kept on disk.

mod disk;
