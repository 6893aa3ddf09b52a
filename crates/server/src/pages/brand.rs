//! What the operator calls the place and how it looks: name, logo, color, links; and the files
//! that follow from it.

use std::path::Path;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use super::accent::Accent;

/// The stylesheet, but for the colors.
const STYLES: &str = include_str!("../../assets/pages.css");
/// The two leaves of our door.
const MARK: &str = include_str!("../../assets/mark.svg");

/// The color in it that the operator's takes the place of.
const MARK_COLOR: &str = "#a3271f";

/// The largest logo that is served, in bytes.
const MAX_LOGO_BYTES: u64 = 512 * 1024;

/// What the operator calls the place and how it looks.
#[derive(Clone, Debug)]
pub struct Brand {
    /// The name on every page.
    pub name: String,
    /// The operator's own logo; `None` is the mark of Menshen.
    pub logo: Option<Logo>,
    /// Where to read what is done with personal data.
    pub privacy_link: Option<Url>,
    /// Where to read the terms.
    pub terms_link: Option<Url>,
    /// Where to get help.
    pub support_link: Option<Url>,
    pub(super) stylesheet: Asset,
    pub(super) mark: Asset,
}

/// A logo of the operator's own.
#[derive(Clone, Debug)]
pub enum Logo {
    /// Fetched by the browser from somewhere else.
    Remote(Url),
    /// Served by us, from a file read at the start.
    Served(Asset),
}

/// The logo cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an https URL, or the path of a readable .svg, .png, .jpg or .webp of up to 512 KiB")]
pub struct InvalidLogo;

/// A file that is served under the hash of its content, and so for ever.
#[derive(Clone, PartialEq, Eq)]
pub struct Asset {
    /// The last part of its path.
    pub(super) name: String,
    pub(super) media_type: &'static str,
    pub(super) content: bytes::Bytes,
}

impl std::fmt::Debug for Asset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Brand {
    /// A place of this name and color, with our mark and no links.
    pub fn new(name: String, accent: Accent) -> Self {
        let mark = MARK.replace(MARK_COLOR, &accent.to_string());
        let mark = Asset::new("mark", "svg", mark.into_bytes()).expect("a known extension");
        Self {
            name,
            logo: None,
            privacy_link: None,
            terms_link: None,
            support_link: None,
            stylesheet: stylesheet(accent),
            mark,
        }
    }

    /// Every file that is served.
    pub(super) fn assets(&self) -> impl Iterator<Item = &Asset> {
        let logo = match &self.logo {
            Some(Logo::Served(asset)) => Some(asset),
            Some(Logo::Remote(_)) | None => None,
        };
        [&self.stylesheet, &self.mark].into_iter().chain(logo)
    }
}

impl Logo {
    /// A logo by its URL, or by the path of a file, which is read.
    ///
    /// # Errors
    ///
    /// [`InvalidLogo`].
    pub fn read(text: &str) -> Result<Self, InvalidLogo> {
        if text.contains("://") {
            let url: Url = text.parse().map_err(|_| InvalidLogo)?;
            return if url.scheme() == "https" { Ok(Self::Remote(url)) } else { Err(InvalidLogo) };
        }
        let size = std::fs::metadata(text).map_err(|_| InvalidLogo)?.len();
        if size > MAX_LOGO_BYTES {
            return Err(InvalidLogo);
        }
        let extension = Path::new(text).extension().and_then(|extension| extension.to_str());
        let extension = extension.unwrap_or_default().to_ascii_lowercase();
        let content = std::fs::read(text).map_err(|_| InvalidLogo)?;
        Asset::new("logo", &extension, content).map(Self::Served).ok_or(InvalidLogo)
    }
}

impl Asset {
    /// Nothing for an extension that we do not serve.
    fn new(stem: &str, extension: &str, content: Vec<u8>) -> Option<Self> {
        let media_type = match extension {
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "webp" => "image/webp",
            _ => return None,
        };
        let hash = digest::digest(&digest::SHA256, &content);
        let hash = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..9]);
        Some(Self {
            name: format!("{stem}.{hash}.{extension}"),
            media_type,
            content: content.into(),
        })
    }
}

/// The colors come first: the rest of the stylesheet refers to them.
fn stylesheet(accent: Accent) -> Asset {
    let colors = format!(
        ":root {{\n  --accent: {accent};\n  --on-accent: {};\n  --accent-on-light: {};\n  \
         --accent-on-dark: {};\n}}\n",
        accent.text_on_it(),
        accent.on_light(),
        accent.on_dark(),
    );
    Asset::new("pages", "css", (colors + STYLES).into_bytes()).expect("a known extension")
}
