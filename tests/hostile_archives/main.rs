//! Archives that nobody honest makes, and those that honest programs make: what becomes of both, and of all that lies beside.

mod attributes;
mod bed;
mod bombs;
mod forms;
mod headers;
mod image;
mod image_forms;
mod images;
mod links;
mod names;
mod replaced;
mod sparse;
mod tar;
mod whiteouts;
