//! What `docker save` writes: "manifest.json", which names a configuration and the archives of the layers.

use super::super::Failure;
use super::digest::Digest;
use super::documents::{self, Config, Manifest, Saved};
use super::store::Store;
use super::{Layer, oci, platform};

pub const MANIFEST: &str = "manifest.json";

/// The layers of the image, the lowest first.
pub fn layers(store: &Store) -> Result<Vec<Layer>, Failure> {
    let missing = |name: &str| Failure::about(name.as_bytes(), "it is not in the image").remedy("Save the image again");
    let manifest = store.document(MANIFEST)?.ok_or_else(|| missing(MANIFEST))?;
    if documents::read::<Manifest>(MANIFEST, &manifest).is_ok() {
        return Err(Failure::new("this is a directory as skopeo writes it for dir:, and no OCI image layout")
            .remedy("Write one: skopeo copy dir:DIRECTORY oci:OTHER"));
    }
    let images: Vec<Saved> = documents::read(MANIFEST, &manifest)?;
    let image = match &*images {
        [] => return Err(Failure::new("there is no image in it")),
        [image] => image,
        images => return Err(platform::several(images.iter().map(title))),
    };
    let config = store.document(&image.config)?.ok_or_else(|| missing(&image.config))?;
    if digest(&image.config).is_some_and(|digest| !digest.is_of(&config)) {
        return Err(Failure::about(
            image.config.as_bytes(),
            "this part of the image has another content than its name says",
        ));
    }
    let config: Config = documents::read(&image.config, &config)?;
    let plain = oci::diff_ids(&config, image.layers.len())?;
    let layer = |(name, plain): (&String, Digest)| Layer { name: name.clone(), stored: None, plain };
    Ok(image.layers.iter().zip(plain).map(layer).collect())
}

fn title(image: &Saved) -> String {
    image.repo_tags.iter().flatten().next().unwrap_or(&image.config).clone()
}

/// The digest that a name says: "HEX.json", "sha256:HEX", "blobs/sha256/HEX".
fn digest(name: &str) -> Option<Digest> {
    let last = name.rsplit(['/', ':']).next()?;
    Digest::of_digits(last.strip_suffix(".json").unwrap_or(last))
}
