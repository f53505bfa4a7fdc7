//! The OCI image layout: from "index.json" over lists to one manifest, each named by the digest of its content.

use super::super::{Failure, name};
use super::digest::Digest;
use super::documents::{self, Config, Descriptor, List, Manifest};
use super::store::Store;
use super::{Layer, platform};

pub const LAYOUT: &str = "oci-layout";
pub const INDEX: &str = "index.json";

/// Lists in lists. By digests no list can hold itself; and none needs more.
const DEEPEST: usize = 4;

const LISTS: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// How a layer is compressed is told by its content; each of them may end in "+gzip" or "+zstd".
const LAYERS: [&str; 4] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
];

/// The layers of the image for this machine, the lowest first.
pub fn layers(store: &Store, layout: &[u8]) -> Result<Vec<Layer>, Failure> {
    let layout: documents::Layout = documents::read(LAYOUT, layout)?;
    if !layout.image_layout_version.starts_with("1.") {
        return Err(Failure::about(LAYOUT.as_bytes(), "the layout of the image is not of version 1"));
    }
    let index = store.document(INDEX)?.ok_or_else(|| Failure::about(INDEX.as_bytes(), "it is not in the image"))?;
    let mut list: List = documents::read(INDEX, &index)?;
    for depth in 0..DEEPEST {
        let chosen = platform::choose(&list.manifests, depth > 0)?;
        let document = chosen.document(store)?;
        if MANIFESTS.contains(&&*chosen.media_type) {
            let manifest: Manifest = documents::read(&chosen.digest, &document)?;
            is_only(chosen, &manifest.media_type, manifest.manifests.is_some())?;
            return of_manifest(store, &manifest);
        }
        if !LISTS.contains(&&*chosen.media_type) {
            return Err(unknown(chosen, "image"));
        }
        let inner: List = documents::read(&chosen.digest, &document)?;
        is_only(chosen, &inner.media_type, inner.layers.is_some())?;
        list = inner;
    }
    Err(Failure::new(format!("the lists of the image lie more than {DEEPEST} deep in each other")))
}

/// One document must not be a list for some and a manifest for others.
fn is_only(descriptor: &Descriptor, media_type: &Option<String>, other: bool) -> Result<(), Failure> {
    if other || media_type.as_ref().is_some_and(|own| *own != descriptor.media_type) {
        let why = "this part of the image is of another type than is said of it";
        return Err(Failure::about(descriptor.digest.as_bytes(), why));
    }
    Ok(())
}

fn unknown(descriptor: &Descriptor, what: &str) -> Failure {
    let why = format!("this is of the type {:?}, which is no {what}", name::shown(descriptor.media_type.as_bytes()));
    Failure::about(descriptor.digest.as_bytes(), &why)
}

fn of_manifest(store: &Store, manifest: &Manifest) -> Result<Vec<Layer>, Failure> {
    if !CONFIGS.contains(&&*manifest.config.media_type) {
        return Err(unknown(&manifest.config, "configuration of an image"));
    }
    let config: Config = documents::read(&manifest.config.digest, &manifest.config.document(store)?)?;
    let plain = diff_ids(&config, manifest.layers.len())?;
    let layer = |(descriptor, plain): (&Descriptor, Digest)| {
        let kind = &*descriptor.media_type;
        let kind =
            kind.strip_suffix("+gzip").or(kind.strip_suffix(".gzip")).or(kind.strip_suffix("+zstd")).unwrap_or(kind);
        if !LAYERS.contains(&kind) {
            return Err(unknown(descriptor, "layer of files"));
        }
        let digest = Digest::read(&descriptor.digest)?;
        Ok(Layer { name: digest.blob(), stored: Some((digest, descriptor.size)), plain })
    };
    manifest.layers.iter().zip(plain).map(layer).collect()
}

/// The digests of the layers without their compression, if the configuration is for this machine and has one of each.
pub fn diff_ids(config: &Config, layers: usize) -> Result<Vec<Digest>, Failure> {
    platform::check(&config.platform)?;
    let found = config.rootfs.diff_ids.len();
    if found != layers {
        return Err(Failure::new(format!("the image has {layers} layers, but its configuration knows of {found}")));
    }
    config.rootfs.diff_ids.iter().map(|digest| Digest::read(digest)).collect()
}
