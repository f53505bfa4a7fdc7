//! The forms in which honest programs write images.

use crate::bed::{Bed, made, tree};
use crate::image::{INDEX, Image, LAYER, architecture};
use crate::tar::{Header, Tar};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use std::io::Write;
use std::process::{Command, Stdio};

fn lower() -> Vec<u8> {
    Tar::new().directory("etc").file("etc/a", "low").file("etc/b", "low").end()
}

fn upper() -> Vec<u8> {
    Tar::new().file("etc/.wh.a", "").file("etc/b", "high").end()
}

fn expected() -> crate::bed::Tree {
    tree([("etc", "directory 755"), ("etc/b", "file 644 high")])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("zstd").arg("-qc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    child.stdin.take()?.write_all(bytes).unwrap();
    Some(child.wait_with_output().unwrap().stdout)
}

#[test]
fn an_oci_layout_is_taken_as_an_archive_as_a_compressed_one_and_as_a_directory() {
    let image = Image::of_plain(&[&lower(), &upper()]);
    assert_eq!(made(&image.archive()), expected());
    assert_eq!(made(&gzip(&image.archive())), expected());
    let bed = Bed::new();
    image.write(&bed.path("beside"));
    bed.unpack_from(&bed.path("beside")).unwrap();
    assert_eq!(bed.tree(), expected());
}

#[test]
fn layers_may_be_compressed_each_in_its_own_way() {
    let (low, high) = (lower(), upper());
    let packed = gzip(&low);
    let gzip_layer = (&*format!("{LAYER}+gzip"), &*packed, &*low);
    assert_eq!(made(&Image::oci(&[gzip_layer, (LAYER, &high, &high)]).archive()), expected());
    let docker = ("application/vnd.docker.image.rootfs.diff.tar.gzip", &*packed, &*low);
    assert_eq!(made(&Image::oci(&[docker, (LAYER, &high, &high)]).archive()), expected());
    let Some(packed) = zstd(&high) else { return println!("NOT CHECKED: no zstd") };
    assert_eq!(made(&Image::oci(&[gzip_layer, (&format!("{LAYER}+zstd"), &packed, &high)]).archive()), expected());
}

#[test]
fn of_a_list_the_manifest_for_this_machine_is_taken() {
    let mut image = Image::of_plain(&[&lower(), &upper()]);
    let (_, mut own) = image.manifest();
    own["platform"] = json!({"os": "linux", "architecture": architecture()});
    let mut other = own.clone();
    other["platform"] = json!({"os": "linux", "architecture": "s390x"});
    other["digest"] = json!(format!("sha256:{}", "1".repeat(64))); // not there, as after a pull for one platform
    let mut signature = own.clone();
    signature["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    signature["digest"] = json!(format!("sha256:{}", "2".repeat(64)));
    let list = image.document(INDEX, &json!({"manifests": [other, signature, own]}));
    image.top(&[list]);
    assert_eq!(made(&image.archive()), expected());
}

#[test]
fn one_image_under_two_names_is_one() {
    let mut image = Image::of_plain(&[&lower(), &upper()]);
    let (_, one) = image.manifest();
    let mut two = one.clone();
    two["annotations"] = json!({"org.opencontainers.image.ref.name": "two"});
    image.top(&[one, two]);
    assert_eq!(made(&image.archive()), expected());
}

#[test]
fn docker_save_is_taken_in_its_old_form() {
    let image = Image::docker(&[&lower(), &upper()]);
    assert_eq!(made(&image.archive()), expected());
    assert_eq!(made(&gzip(&image.archive())), expected());
}

#[test]
fn docker_save_is_taken_in_its_new_form_which_holds_both() {
    let mut image = Image::of_plain(&[&lower(), &upper()]);
    let (manifest, _) = image.manifest();
    let blob = |digest: &serde_json::Value| format!("blobs/{}", digest.as_str().unwrap().replace(':', "/"));
    let layers: Vec<_> = manifest["layers"].as_array().unwrap().iter().map(|layer| blob(&layer["digest"])).collect();
    let saved = json!([{"Config": blob(&manifest["config"]["digest"]), "RepoTags": null, "Layers": layers}]);
    image.0.insert("manifest.json".into(), saved.to_string().into_bytes());
    assert_eq!(made(&image.archive()), expected());
    for name in ["oci-layout", "index.json"] {
        image.0.remove(name);
    }
    assert_eq!(made(&image.archive()), expected());
}

#[test]
fn a_directory_of_skopeo_is_told_from_an_image_layout() {
    let (manifest, _) = Image::of_plain(&[&lower()]).manifest();
    let bed = Bed::new();
    std::fs::create_dir(bed.path("beside/dir")).unwrap();
    std::fs::write(bed.path("beside/dir/manifest.json"), manifest.to_string()).unwrap();
    let failure = bed.unpack_from(&bed.path("beside/dir")).unwrap_err();
    assert!(failure.remedy.contains("skopeo copy dir:DIRECTORY oci:OTHER"), "{failure:?}");
}

#[test]
fn a_layer_that_is_a_link_to_another_is_that_one() {
    let low = lower();
    let mut image = Image::docker(&[&low, &upper(), &low]);
    let name = |at: u32| format!("{at:064x}/layer.tar");
    image.0.remove(&name(2));
    let link = format!("../{}", name(0));
    let archive = Tar::new().long(b'L', name(2).as_bytes()).symlink("x", &link).raw(&image.archive()).cut();
    assert_eq!(made(&archive)["etc/b"], "file 644 low");
}

#[test]
fn an_archive_whose_names_begin_with_a_dot_is_an_image_too() {
    let image = Image::of_plain(&[&lower(), &upper()]);
    let write = |tar: Tar, (name, content): (&String, &Vec<u8>)| {
        tar.with_data(Header { name: format!("./{name}").as_bytes(), ..Header::default() }, content)
    };
    assert_eq!(made(&image.0.iter().fold(Tar::new().directory("./"), write).end()), expected());
}
