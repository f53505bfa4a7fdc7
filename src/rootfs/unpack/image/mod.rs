//! Images: layers of archives, and the documents that say which. OCI image-spec; `docker save`.

pub mod index;
pub mod store;

mod digest;
mod docker;
mod documents;
mod oci;
mod platform;

use super::Failure;
use super::archive::Archive;
use super::budget::Budget;
use super::extract::extract;
use super::name;
use super::stream::{Digests, flow};
use super::tree::Tree;
use digest::Digest;
use store::Store;

/// More layers no image has: overlayfs takes no more.
const MOST_LAYERS: usize = 500;

/// One layer: where it lies, and what is known of it.
struct Layer {
    name: String,
    /// Of the part as it is kept, with its length.
    stored: Option<(Digest, u64)>,
    /// Of the archive that it holds.
    plain: Digest,
}

/// Has it a document of an image at its top? `has` says of a name whether it is there.
fn is_image(has: impl FnMut(&str) -> bool) -> bool {
    [oci::LAYOUT, docker::MANIFEST].into_iter().any(has)
}

/// Makes the image's layers in the tree, the lowest first.
pub fn unpack(store: &Store, tree: &mut Tree, budget: &mut Budget, tell: &mut dyn FnMut(u64)) -> Result<(), Failure> {
    // Newer `docker save` writes both forms; only the one of OCI has a digest of everything.
    let layers = match store.document(oci::LAYOUT)? {
        Some(layout) => oci::layers(store, &layout)?,
        None => docker::layers(store)?,
    };
    if layers.len() > MOST_LAYERS {
        return Err(Failure::new(format!("the image has {} layers, {MOST_LAYERS} are the most", layers.len())));
    }
    let mut before = 0;
    for layer in &layers {
        let part = store.open(&layer.name)?.ok_or_else(|| {
            let failure = Failure::about(layer.name.as_bytes(), "this layer of the image is not there");
            failure.remedy("Save the image again, with all its layers")
        })?;
        let length = part.length();
        let wrong = |why: &str| Failure::about(layer.name.as_bytes(), why).remedy("Fetch the image again");
        if layer.stored.as_ref().is_some_and(|(_, said)| *said != length) {
            return Err(wrong("this layer of the image has another size than its manifest says"));
        }
        tree.begin_layer();
        let tell = &mut |read| tell(before + read);
        let seen = flow(part, Digests::Both, tell, |stream| {
            let mut archive = Archive::new(stream);
            extract(&mut archive, tree, budget)?;
            Ok(archive.finish(budget)?.seen())
        })
        .map_err(|failure| {
            let reason = format!("layer {}: {}", name::shown(layer.name.as_bytes()), failure.reason);
            Failure { reason, ..failure }
        })?;
        if layer.stored.as_ref().is_some_and(|(digest, _)| !digest.is(&seen.stored)) || !layer.plain.is(&seen.plain) {
            return Err(wrong("this layer of the image has another content than its digest says"));
        }
        before += length;
    }
    Ok(())
}
