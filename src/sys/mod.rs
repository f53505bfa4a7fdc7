//! sys
#![allow(unsafe_code)]

pub mod descriptor;
pub mod terminal;
