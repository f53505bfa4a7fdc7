//! Images whose documents, digests and sizes say what is not.

use crate::bed::{Bed, made, refused, tree};
use crate::image::{CONFIG, INDEX, Image, LAYER, MANIFEST, architecture, hexadecimal};
use crate::tar::{Header, Tar};
use serde_json::{Value, json};

fn layer() -> Vec<u8> {
    Tar::new().file("a", "x").end()
}

fn image() -> Image {
    Image::of_plain(&[&layer()])
}

#[test]
fn a_digest_that_is_a_path_is_refused() {
    for digest in
        ["sha256:../../../canary", "sha256:../../x", "../canary", "sha256:", "md5:00", "sha256/..", "sha512:00"]
    {
        let index = json!({"manifests": [{"mediaType": MANIFEST, "digest": digest, "size": 6}]});
        let mut image = image();
        image.0.insert("index.json".into(), index.to_string().into_bytes());
        refused(&image.archive(), "none of SHA-256 looks so");
        refused(
            &self::image().with_manifest(|manifest| manifest["layers"][0]["digest"] = json!(digest)).archive(),
            "none of SHA-256",
        );
        refused(
            &self::image().with_manifest(|manifest| manifest["config"]["digest"] = json!(digest)).archive(),
            "none of SHA-256",
        );
    }
}

#[test]
fn a_part_whose_content_is_not_its_digests_is_refused() {
    let names: Vec<_> = image().0.into_keys().filter(|name| name.starts_with("blobs/")).collect();
    assert_eq!(names.len(), 3);
    for name in names {
        let mut image = image();
        let content = image.0.get_mut(&name).unwrap();
        // What still can be read as what it was: a space more in JSON would be another size.
        let at = content.len() - if content.starts_with(b"{") { 3 } else { 1 };
        content[at] ^= 1;
        refused(&image.archive(), "another content than its digest says");
    }
}

#[test]
fn a_part_of_another_size_than_is_said_is_refused() {
    for place in ["/config/size", "/layers/0/size"] {
        for size in [0u64, 1, 1 << 40, u64::MAX] {
            let image = image().with_manifest(|manifest| *manifest.pointer_mut(place).unwrap() = json!(size));
            refused(&image.archive(), "another size than");
        }
    }
}

#[test]
fn a_layer_that_holds_something_else_than_the_configuration_says_is_refused() {
    let (one, other) = (layer(), Tar::new().file("b", "y").end());
    refused(&Image::oci(&[(LAYER, &one, &other)]).archive(), "another content than its digest says");
    let mut image = Image::docker(&[&one]);
    image.0.insert(format!("{:064x}/layer.tar", 0), other);
    refused(&image.archive(), "another content than its digest says");
}

#[test]
fn a_configuration_that_knows_of_more_or_fewer_layers_is_refused() {
    let twice = image().with_manifest(|manifest| {
        let layer = manifest["layers"][0].clone();
        manifest["layers"].as_array_mut().unwrap().push(layer);
    });
    refused(&twice.archive(), "2 layers, but its configuration knows of 1");
    refused(&image().with_manifest(|manifest| manifest["layers"] = json!([])).archive(), "0 layers, but");
}

#[test]
fn a_configuration_of_dockers_that_is_not_its_name_is_refused() {
    let mut image = Image::docker(&[&layer()]);
    let name = image.0.keys().find(|name| name.ends_with(".json") && *name != "manifest.json").unwrap().clone();
    image.0.get_mut(&name).unwrap().push(b' ');
    refused(&image.archive(), "another content than its name says");
}

#[test]
fn a_part_that_is_missing_is_named() {
    for name in image().0.into_keys().filter(|name| name.starts_with("blobs/")) {
        let mut image = image();
        image.0.remove(&name);
        refused(&image.archive(), &format!("{name}: this"));
    }
}

#[test]
fn a_list_that_holds_itself_is_refused() {
    // By their digests no two lists can hold each other: one of them is not what it is said to be.
    let mut image = image();
    let digest = format!("sha256:{}", "0".repeat(64));
    let list = json!({"manifests": [{"mediaType": INDEX, "digest": digest, "size": 1}]}).to_string();
    image.0.insert(format!("blobs/sha256/{}", "0".repeat(64)), list.clone().into_bytes());
    image.top(&[json!({"mediaType": INDEX, "digest": digest, "size": list.len()})]);
    refused(&image.archive(), "another content than its digest says");
}

#[test]
fn lists_in_lists_without_end_are_refused() {
    let mut image = image();
    let (_, mut descriptor) = image.manifest();
    for _ in 0..10 {
        descriptor = image.document(INDEX, &json!({"manifests": [descriptor]}));
    }
    image.top(&[descriptor]);
    refused(&image.archive(), "deep in each other");
}

#[test]
fn a_document_that_is_a_list_for_some_and_a_manifest_for_others_is_refused() {
    refused(&image().with_manifest(|manifest| manifest["manifests"] = json!([])).archive(), "of another type");
    refused(&image().with_manifest(|manifest| manifest["mediaType"] = json!(INDEX)).archive(), "of another type");
    let mut image = image();
    let (manifest, descriptor) = image.manifest();
    let list = json!({"manifests": [descriptor], "layers": manifest["layers"], "config": manifest["config"]});
    let descriptor = image.document(INDEX, &list);
    image.top(&[descriptor]);
    refused(&image.archive(), "of another type");
}

#[test]
fn parts_of_unknown_types_are_refused_by_name() {
    refused(
        &image().with_manifest(|manifest| manifest["layers"][0]["mediaType"] = json!("text/html")).archive(),
        "text/html",
    );
    refused(&image().with_manifest(|manifest| manifest["config"]["mediaType"] = json!("a/chart")).archive(), "a/chart");
    let mut image = image();
    let (manifest, _) = image.manifest();
    let descriptor = image.document("application/json", &manifest);
    image.top(&[descriptor]);
    refused(&image.archive(), "application/json");
}

#[test]
fn json_that_is_too_large_too_deep_or_none_is_refused() {
    let large = vec![b' '; (4 << 20) + 1];
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat().into_bytes();
    let hidden = format!(r#"{{"manifests": [], "x": {}{}}}"#, "[".repeat(10_000), "]".repeat(10_000)).into_bytes();
    for document in
        [large, deep, hidden, b"{".to_vec(), b"[]".to_vec(), b"\xff".to_vec(), b"{\"manifests\": {}}".to_vec()]
    {
        for name in ["index.json", "oci-layout"] {
            let bed = Bed::with_limits(64 << 20, 100);
            let mut image = image();
            image.0.insert(name.into(), document.clone());
            assert!(bed.unpack(&image.archive()).is_err(), "{name}");
        }
        let mut image = Image::docker(&[&layer()]);
        image.0.insert("manifest.json".into(), document);
        let bed = Bed::with_limits(64 << 20, 100);
        assert!(bed.unpack(&image.archive()).is_err());
    }
}

#[test]
fn what_a_document_says_has_an_end_in_a_message() {
    let long = "x".repeat(1 << 20);
    let bed = || Bed::with_limits(64 << 20, 100);
    for place in ["/layers/0/mediaType", "/layers/0/digest", "/layers/0/size", "/config/mediaType"] {
        let image = image().with_manifest(|manifest| *manifest.pointer_mut(place).unwrap() = json!(long));
        let failure = bed().unpack(&image.archive()).unwrap_err();
        assert!(failure.reason.len() < 1000, "{} bytes", failure.reason.len());
    }
}

#[test]
fn several_images_are_refused_with_their_names() {
    let mut image = image();
    let (_, mut one) = image.manifest();
    let other = Image::of_plain(&[&Tar::new().file("b", "").end()]);
    let (_, mut two) = other.manifest();
    image.0.extend(other.0.into_iter().filter(|(name, _)| name.starts_with("blobs/")));
    one["annotations"] = json!({"io.containerd.image.name": "example/one:1"});
    two["annotations"] = json!({"org.opencontainers.image.ref.name": "two"});
    image.top(&[one, two]);
    refused(&image.archive(), "more than one image: example/one:1, two");

    let saved = |tag| json!({"Config": "x", "RepoTags": [tag], "Layers": []});
    let mut image = Image::docker(&[&layer()]);
    image.0.insert("manifest.json".into(), json!([saved("a:1"), saved("b:2")]).to_string().into_bytes());
    refused(&image.archive(), "more than one image: a:1, b:2");
}

#[test]
fn an_image_for_another_machine_is_refused_with_what_there_is() {
    let mut image = image();
    let (_, mut manifest) = image.manifest();
    manifest["platform"] = json!({"os": "linux", "architecture": "s390x"});
    let mut windows = manifest.clone();
    windows["digest"] = json!(format!("sha256:{}", "1".repeat(64)));
    windows["platform"] = json!({"os": "windows", "architecture": architecture()});
    let list = image.document(INDEX, &json!({"manifests": [manifest, windows]}));
    image.top(&[list]);
    refused(&image.archive(), &format!("but for linux/s390x, windows/{}", architecture()));
}

#[test]
fn a_configuration_for_another_machine_is_refused() {
    let mut image = image();
    let (mut manifest, _) = image.manifest();
    let digests = json!([format!("sha256:{}", hexadecimal(&layer()))]);
    let config = json!({"os": "linux", "architecture": "s390x", "rootfs": {"diff_ids": digests}});
    manifest["config"] = image.document(CONFIG, &config);
    let descriptor = image.document(MANIFEST, &manifest);
    image.top(&[descriptor]);
    refused(&image.archive(), "but for linux/s390x");
}

#[test]
fn an_image_without_an_image_is_refused() {
    let mut image = image();
    image.top(&[]);
    refused(&image.archive(), "no image in it");
    image.0.insert("oci-layout".into(), b"{\"imageLayoutVersion\": \"2.0.0\"}".to_vec());
    refused(&image.archive(), "not of version 1");
    let mut image = Image::docker(&[&layer()]);
    image.0.insert("manifest.json".into(), b"[]".to_vec());
    refused(&image.archive(), "no image in it");
}

#[test]
fn a_layer_whose_name_leads_elsewhere_is_not_found() {
    for name in ["../canary", "/etc/passwd", "../../../../etc/passwd", "", "."] {
        let mut image = Image::docker(&[&layer()]);
        let mut manifest: Value = serde_json::from_slice(&image.0["manifest.json"]).unwrap();
        manifest[0]["Layers"][0] = json!(name);
        image.0.insert("manifest.json".into(), manifest.to_string().into_bytes());
        refused(&image.archive(), "");
        let bed = Bed::new();
        image.write(&bed.path("beside"));
        assert!(bed.unpack_from(&bed.path("beside")).is_err(), "{name}");
    }
}

#[test]
fn a_layer_that_is_a_link_out_of_its_archive_is_not_followed() {
    for target in ["/etc/passwd", "../../../../etc/passwd", "../../canary"] {
        let mut image = Image::docker(&[&layer()]);
        let name = format!("{:064x}/layer.tar", 0);
        image.0.remove(&name);
        let archive = Tar::new().long(b'L', name.as_bytes()).symlink("x", target).raw(&image.archive()).cut();
        refused(&archive, "is not there");
    }
}

#[test]
fn layers_that_are_links_in_a_circle_are_not_there() {
    let mut image = Image::docker(&[&layer()]);
    let name = format!("{:064x}/layer.tar", 0);
    image.0.remove(&name);
    let archive = Tar::new().long(b'L', name.as_bytes()).symlink("x", "layer.tar").raw(&image.archive()).cut();
    refused(&archive, "is not there");
}

#[test]
fn a_part_in_a_directory_that_is_a_link_or_a_fifo_is_refused() {
    use nix::sys::stat::Mode;
    let bed = Bed::new();
    let beside = bed.path("beside");
    image().write(&beside);
    let (manifest, _) = image().manifest();
    let blob = beside.join("blobs").join(manifest["layers"][0]["digest"].as_str().unwrap().replace(':', "/"));
    std::fs::rename(&blob, bed.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(bed.path("elsewhere"), &blob).unwrap();
    let failure = bed.unpack_from(&beside).unwrap_err();
    assert!(failure.reason.contains("is a link"), "{failure:?}");
    std::fs::remove_file(&blob).unwrap();
    nix::unistd::mkfifo(&blob, Mode::S_IRWXU).unwrap();
    let failure = bed.unpack_from(&beside).unwrap_err();
    assert!(failure.reason.contains("is no file"), "{failure:?}");
}

#[test]
fn a_source_that_is_a_fifo_or_a_directory_of_anything_is_refused() {
    let bed = Bed::new();
    nix::unistd::mkfifo(&bed.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(bed.unpack_from(&bed.path("fifo")).unwrap_err().reason.contains("neither a file nor a directory"));
    assert!(bed.unpack_from(&bed.path("beside")).unwrap_err().remedy.contains("tar -C"));
    assert!(bed.unpack_from(&bed.path("missing")).is_err());
}

#[test]
fn more_layers_than_any_image_has_are_refused() {
    let empty = Tar::new().end();
    let layers = vec![&empty[..]; 501];
    refused(&Image::of_plain(&layers).archive(), "501 layers");
}

#[test]
fn the_limits_hold_for_all_layers_together() {
    let half = Tar::new().file("a", &"x".repeat(600_000)).end();
    let bed = Bed::new();
    let failure = bed.unpack(&Image::of_plain(&[&half, &half]).archive()).unwrap_err();
    assert_eq!(failure.remedy, "Raise --max-size");
    let link = |tar: Tar, number| tar.symlink(&format!("usr/{number}"), "x");
    let names = (0..1500).fold(Tar::new(), link).end();
    let failure = Bed::new().unpack(&Image::of_plain(&[&names, &names]).archive()).unwrap_err();
    assert_eq!(failure.remedy, "Raise --max-files", "{failure:?}");
}

#[test]
fn a_root_with_files_that_an_image_has_too_is_a_root() {
    let archive =
        Tar::new().directory("etc").file("manifest.json", "[]").file("oci-layout", "").file("index.json", "").end();
    assert_eq!(made(&archive)["manifest.json"], "file 644 []");
    let archive = Tar::new().file("manifest.json", "[]").directory("usr").end();
    assert_eq!(made(&archive), tree([("manifest.json", "file 644 []"), ("usr", "directory 755")]));
}

#[test]
fn entries_of_an_image_archive_that_are_no_files_are_not_its_parts() {
    let mut image = image();
    let index = image.0.remove("index.json").unwrap();
    let fifo = Header { name: b"index.json", kind: b'6', ..Header::default() };
    refused(&Tar::new().header(fifo).raw(&image.archive()).cut(), "index.json: it is not in the image");
    image.0.insert("index.json".into(), index);
    assert_eq!(made(&image.archive()), tree([("a", "file 644 x")]));
}
