//! A text as a QR code, for a phone to read from another screen.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// The picture, as SVG: dark on white with the quiet zone that readers need. `None` for a text
/// too long for a code.
pub fn svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let picture = code
        .render::<svg::Color<'_>>()
        .min_dimensions(220, 220)
        .quiet_zone(true)
        .dark_color(svg::Color("#000000"))
        .light_color(svg::Color("#ffffff"))
        .build();
    Some(picture)
}
