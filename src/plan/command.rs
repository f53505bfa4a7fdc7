//! tmp
use super::Plan;
use crate::error::Error;
/// tmp
pub fn not_found(_plan: &Plan) -> Error { Error::usage("x") }
