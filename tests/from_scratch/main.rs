//! What the articles that build a container by hand do, as an ordinary user: `docs/from-scratch.md`, run as it stands, and what is
//! no page's matter.
//!
//! The Debian is made by `tests/debian-root`, or given by `SANDBOX_TEST_DEBIAN`; `SANDBOX_TEST_BINARY`, `SANDBOX_TEST_SLOW` and
//! `SANDBOX_TEST_BED` are those of `tests/promises`.

mod cgroup;
mod debian;
mod home;
mod page;
mod roots;
mod walk;
