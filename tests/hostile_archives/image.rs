//! Images built by hand, in which every document and digest may be wrong.

use crate::tar::{Header, Tar};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

pub fn hexadecimal(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// This machine's architecture, as images call it.
pub fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

/// The files of an image, by their names.
#[derive(Default, Clone)]
pub struct Image(pub BTreeMap<String, Vec<u8>>);

impl Image {
    /// An OCI layout with an image of these layers, each as it is stored and as it is without compression.
    pub fn oci(layers: &[(&str, &[u8], &[u8])]) -> Self {
        let mut image = Image::default();
        let descriptors: Vec<_> = layers.iter().map(|(kind, stored, _)| image.blob(kind, stored)).collect();
        let config = image.blob(CONFIG, &config(layers.iter().map(|(.., plain)| *plain)));
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors});
        let manifest = image.document(MANIFEST, &manifest);
        image.top(&[manifest]);
        image
    }

    pub fn of_plain(layers: &[&[u8]]) -> Self {
        Image::oci(&layers.iter().map(|layer| (LAYER, *layer, *layer)).collect::<Vec<_>>())
    }

    /// Adds a blob; its descriptor.
    pub fn blob(&mut self, kind: &str, bytes: &[u8]) -> Value {
        let digits = hexadecimal(bytes);
        self.0.insert(format!("blobs/sha256/{digits}"), bytes.to_vec());
        json!({"mediaType": kind, "digest": format!("sha256:{digits}"), "size": bytes.len()})
    }

    pub fn document(&mut self, kind: &str, document: &Value) -> Value {
        self.blob(kind, document.to_string().as_bytes())
    }

    /// What stands at the top of the layout.
    pub fn top(&mut self, manifests: &[Value]) {
        self.0.insert("oci-layout".into(), br#"{"imageLayoutVersion": "1.0.0"}"#.to_vec());
        self.0
            .insert("index.json".into(), json!({"schemaVersion": 2, "manifests": manifests}).to_string().into_bytes());
    }

    /// The manifest of the only image, and what is said of it.
    pub fn manifest(&self) -> (Value, Value) {
        let index: Value = serde_json::from_slice(&self.0["index.json"]).unwrap();
        let descriptor = index["manifests"][0].clone();
        let name = descriptor["digest"].as_str().unwrap().replace(':', "/");
        (serde_json::from_slice(&self.0[&format!("blobs/{name}")]).unwrap(), descriptor)
    }

    /// The image again, with another manifest.
    pub fn with_manifest(mut self, change: impl FnOnce(&mut Value)) -> Self {
        let (mut manifest, _) = self.manifest();
        change(&mut manifest);
        let descriptor = self.document(MANIFEST, &manifest);
        self.top(&[descriptor]);
        self
    }

    /// As `docker save` wrote it until 24: a directory for each layer.
    pub fn docker(layers: &[&[u8]]) -> Self {
        let mut image = Image::default();
        let config = config(layers.iter().copied());
        let config_name = format!("{}.json", hexadecimal(&config));
        let names: Vec<_> = layers.iter().enumerate().map(|(at, _)| format!("{at:064x}/layer.tar")).collect();
        image.0.extend(names.iter().cloned().zip(layers.iter().map(|layer| layer.to_vec())));
        image.0.insert(config_name.clone(), config);
        let manifest = json!([{"Config": config_name, "RepoTags": ["a:1"], "Layers": names}]);
        image.0.insert("manifest.json".into(), manifest.to_string().into_bytes());
        image
    }

    pub fn archive(&self) -> Vec<u8> {
        let write = |tar: Tar, (name, content): (&String, &Vec<u8>)| {
            tar.with_data(Header { name: name.as_bytes(), ..Header::default() }, content)
        };
        self.0.iter().fold(Tar::new(), write).end()
    }

    pub fn write(&self, directory: &Path) {
        for (name, content) in &self.0 {
            fs::create_dir_all(directory.join(name).parent().unwrap()).unwrap();
            fs::write(directory.join(name), content).unwrap();
        }
    }
}

fn config<'l>(layers: impl Iterator<Item = &'l [u8]>) -> Vec<u8> {
    let layers: Vec<_> = layers.map(|layer| format!("sha256:{}", hexadecimal(layer))).collect();
    let rootfs = json!({"type": "layers", "diff_ids": layers});
    json!({"os": "linux", "architecture": architecture(), "config": {}, "rootfs": rootfs}).to_string().into_bytes()
}
