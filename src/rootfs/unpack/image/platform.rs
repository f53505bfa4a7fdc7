//! Which of an image's variants is for this machine.

use super::super::{Failure, name};
use super::documents::{Descriptor, Platform};

/// This machine's architecture, by the name that Go has for it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

impl Platform {
    /// What says nothing of itself fits.
    pub fn fits(&self) -> bool {
        matches!(&*self.os, "" | "linux") && (self.architecture.is_empty() || self.architecture == architecture())
    }

    pub fn shown(&self) -> String {
        name::shown(format!("{}/{}", self.os, self.architecture).as_bytes())
    }
}

/// # Errors
/// It is for another machine.
pub fn check(platform: &Platform) -> Result<(), Failure> {
    if platform.fits() { Ok(()) } else { Err(none_fits(&[platform.shown()])) }
}

/// The one to take out of a list: the first that fits where the list holds variants of one image (`is_one`), else the only one.
///
/// # Errors
/// None fits, or there are several images.
pub fn choose(list: &[Descriptor], is_one: bool) -> Result<&Descriptor, Failure> {
    let mut images: Vec<&Descriptor> = Vec::new();
    for descriptor in list.iter().filter(|descriptor| !is_about_another(descriptor)) {
        // One image under several names stands there once for each.
        if images.iter().all(|known| known.digest != descriptor.digest) {
            images.push(descriptor);
        }
        if images.len() > 1000 {
            return Err(Failure::new("the image has more than 1000 variants"));
        }
    }
    if images.is_empty() {
        return Err(Failure::new("there is no image in it"));
    }
    let fitting: Vec<_> =
        images.iter().filter(|image| image.platform.as_ref().is_none_or(Platform::fits)).copied().collect();
    match *fitting {
        [] => Err(none_fits(
            &images.iter().filter_map(|image| Some(image.platform.as_ref()?.shown())).collect::<Vec<_>>(),
        )),
        [only] => Ok(only),
        [first, ..] if is_one && first.platform.is_some() => Ok(first),
        _ => Err(several(fitting.iter().map(|image| title(image)))),
    }
}

/// Several images, of which none is more meant than another.
pub fn several(titles: impl Iterator<Item = String>) -> Failure {
    let titles: Vec<_> = titles.take(20).map(|title| name::shown(title.as_bytes())).collect();
    Failure::new(format!("it holds more than one image: {}", titles.join(", ")))
        .remedy("Save the one that is meant, alone")
}

fn none_fits(found: &[String]) -> Failure {
    let found = found[..found.len().min(20)].join(", ");
    Failure::new(format!("the image is not for linux/{}, but for {found}", architecture()))
        .remedy("Fetch it for this machine, as with docker pull --platform")
}

/// A signature or a list of what is inside, which stands beside the image that it is about.
fn is_about_another(descriptor: &Descriptor) -> bool {
    descriptor.annotation("vnd.docker.reference.type").is_some()
        || descriptor.platform.as_ref().is_some_and(|platform| platform.os == "unknown")
}

fn title(descriptor: &Descriptor) -> String {
    ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
        .into_iter()
        .find_map(|key| descriptor.annotation(key))
        .unwrap_or(&descriptor.digest)
        .to_string()
}
