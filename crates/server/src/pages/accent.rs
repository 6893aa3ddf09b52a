//! The operator's color, and the shades of it that can be read.

use std::fmt;
use std::str::FromStr;

/// A color: red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent([u8; 3]);

/// The color is not written as `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a color such as `#a3271f`")]
pub struct InvalidAccent;

/// The contrast that text needs with what is behind it (WCAG 2.2, 1.4.3).
const READABLE: f64 = 4.5;

const WHITE: Accent = Accent([0xff; 3]);
const BLACK: Accent = Accent([0; 3]);

/// The darkest paper of the light pages and the lightest of the dark ones, as in `pages.css`.
const LIGHT_PAPER: Accent = Accent([0xf4, 0xf0, 0xea]);
const DARK_PAPER: Accent = Accent([0x2c, 0x27, 0x24]);

impl Accent {
    /// White or black, whichever is easier to read on this color.
    #[must_use]
    pub fn text_on_it(self) -> Self {
        if self.contrast(WHITE) >= self.contrast(BLACK) { WHITE } else { BLACK }
    }

    /// This color, darkened as far as text on light paper needs.
    #[must_use]
    pub fn on_light(self) -> Self {
        self.until_readable(LIGHT_PAPER, BLACK)
    }

    /// This color, lightened as far as text on dark paper needs.
    #[must_use]
    pub fn on_dark(self) -> Self {
        self.until_readable(DARK_PAPER, WHITE)
    }

    #[must_use]
    fn until_readable(self, paper: Self, end: Self) -> Self {
        let steps = (0..=20).map(|step| self.mixed(end, step));
        steps.into_iter().find(|shade| shade.contrast(paper) >= READABLE).unwrap_or(end)
    }

    /// So many twentieths of the way to another color.
    #[must_use]
    fn mixed(self, other: Self, twentieths: u16) -> Self {
        let mix = |index: usize| {
            let (from, to) = (u16::from(self.0[index]), u16::from(other.0[index]));
            let mixed = (from * (20 - twentieths) + to * twentieths) / 20;
            u8::try_from(mixed).expect("it lies between two bytes")
        };
        Self([mix(0), mix(1), mix(2)])
    }

    /// From 1, the same, to 21, black on white.
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|value| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Accent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl FromStr for Accent {
    type Err = InvalidAccent;

    fn from_str(text: &str) -> Result<Self, InvalidAccent> {
        let digits = text.strip_prefix('#').ok_or(InvalidAccent)?;
        if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(InvalidAccent);
        }
        let part =
            |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| InvalidAccent);
        Ok(Self([part(0)?, part(2)?, part(4)?]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_color_is_six_digits() {
        assert_eq!(
            "#A3271f".parse::<Accent>().map(|accent| accent.to_string()),
            Ok("#a3271f".into())
        );
        for bad in [
            "",
            "#",
            "a3271f",
            "#a32",
            "#a3271",
            "#a3271g",
            "#+1+1+1",
            "red",
            "#\u{e9}\u{e9}\u{e9}",
        ] {
            assert_eq!(bad.parse::<Accent>(), Err(InvalidAccent), "{bad}");
        }
    }

    #[test]
    fn any_color_gives_shades_that_can_be_read() {
        for color in ["#000000", "#ffffff", "#ffff00", "#a3271f", "#0055ff", "#7f7f7f", "#00ff88"] {
            let accent: Accent = color.parse().expect("a color");
            assert!(accent.contrast(accent.text_on_it()) >= READABLE, "on {color}");
            assert!(accent.on_light().contrast(LIGHT_PAPER) >= READABLE, "{color} on light");
            assert!(accent.on_dark().contrast(DARK_PAPER) >= READABLE, "{color} on dark");
        }
    }
}
