//! The JSON of an image, as far as it counts here.

use super::super::{Failure, name};
use super::digest::Digest;
use super::store::Store;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::HashMap;

/// "oci-layout"
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Layout {
    pub image_layout_version: String,
}

/// An image index; Docker's manifest list. Nothing else has `manifests`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct List {
    pub media_type: Option<String>,
    pub manifests: Vec<Descriptor>,
    pub layers: Option<IgnoredAny>,
}

/// An image manifest. Nothing else has `layers`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub media_type: Option<String>,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    pub manifests: Option<IgnoredAny>,
}

/// What names a part.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    pub platform: Option<Platform>,
    pub annotations: Option<HashMap<String, String>>,
}

#[derive(Deserialize)]
pub struct Platform {
    #[serde(default)]
    pub os: String,
    #[serde(default)]
    pub architecture: String,
}

/// The image's configuration.
#[derive(Deserialize)]
pub struct Config {
    #[serde(flatten)]
    pub platform: Platform,
    pub rootfs: Rootfs,
}

#[derive(Deserialize)]
pub struct Rootfs {
    #[serde(default)]
    pub diff_ids: Vec<String>,
}

/// One image of Docker's "manifest.json".
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Saved {
    pub config: String,
    pub repo_tags: Option<Vec<String>>,
    pub layers: Vec<String>,
}

/// Reads JSON; it is not followed deeper than 128 levels.
pub fn read<T: DeserializeOwned>(document: &str, json: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(json).map_err(|error| {
        let error = name::shown(error.to_string().as_bytes()); // it may quote the document
        Failure::about(document.as_bytes(), &format!("in the image it is not what it should be: {error}"))
    })
}

impl Descriptor {
    /// The document that it names, if it is what it says.
    pub fn document(&self, store: &Store) -> Result<Vec<u8>, Failure> {
        let digest = Digest::read(&self.digest)?;
        let blob = digest.blob();
        let wrong = |why| Failure::about(blob.as_bytes(), why).remedy("Fetch the image again");
        let document = store.document(&blob)?.ok_or_else(|| wrong("this part of the image is not there"))?;
        if document.len() as u64 != self.size {
            return Err(wrong("this part of the image has another size than is said of it"));
        }
        if !digest.is_of(&document) {
            return Err(wrong("this part of the image has another content than its digest says"));
        }
        Ok(document)
    }

    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }
}
