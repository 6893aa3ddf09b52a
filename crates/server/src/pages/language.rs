//! The languages we speak, and which of them a person wants.

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English; what is spoken when nothing else is asked for.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// The BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// What the language calls itself.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Chinese => "\u{4e2d}\u{6587}",
        }
    }

    /// The language of a BCP 47 tag, by its first part: every Chinese is better served by ours
    /// than by English.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let first = tag.trim().split(['-', '_']).next().unwrap_or_default();
        match first.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// What the request asked for by `ui_locales` (OpenID Connect Core section 3.1.2.1), what the
    /// person chose before, what the browser prefers, or English.
    pub fn negotiate(
        ui_locales: Option<&str>,
        cookie: Option<&str>,
        accept_language: Option<&str>,
    ) -> Self {
        let asked = ui_locales.and_then(Self::of_list);
        let chosen = || cookie.and_then(Self::of_tag);
        let preferred = || accept_language.and_then(Self::of_ranges);
        asked.or_else(chosen).or_else(preferred).unwrap_or_default()
    }

    /// The first of a list of tags, separated by spaces, that we speak.
    pub fn of_list(tags: &str) -> Option<Self> {
        tags.split_ascii_whitespace().find_map(Self::of_tag)
    }

    /// The best of an `Accept-Language` field (RFC 9110 section 12.5.4).
    fn of_ranges(ranges: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for range in ranges.split(',') {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse);
            let weight: f32 = weight.unwrap_or(0.0);
            let better = best.is_none_or(|(_, known)| weight > known);
            if let Some(language) = Self::of_tag(tag)
                && weight > 0.0
                && better
            {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{self, Chinese, English};

    #[test]
    fn what_the_request_asks_for_wins() {
        let cases = [
            (Some("zh-CN"), Some("en"), Some("en"), Chinese),
            (Some("fr zh-TW en"), None, None, Chinese),
            (Some("fr de"), Some("zh-CN"), Some("en"), Chinese),
            (Some(""), None, Some("zh"), Chinese),
            (None, Some("en"), Some("zh-CN"), English),
            (None, Some("nonsense"), Some("zh-CN"), Chinese),
            (None, None, None, English),
        ];
        for (ui_locales, cookie, accept, expected) in cases {
            assert_eq!(Language::negotiate(ui_locales, cookie, accept), expected, "{ui_locales:?}");
        }
    }

    #[test]
    fn a_browser_weighs_its_languages() {
        let cases = [
            ("zh-Hans-CN,zh;q=0.9,en;q=0.8", Chinese),
            ("en-GB,en;q=0.9,zh;q=0.8", English),
            ("en;q=0.2, zh_TW;q=0.9", Chinese),
            ("fr,de;q=0.9,zh;q=0.1", Chinese),
            ("zh;q=0,en;q=0.1", English),
            ("zh;q=0", English),
            ("zh;q=broken,en;q=0.1", English),
            ("fr,*;q=0.5", English),
            (";;,,=", English),
        ];
        for (accept, expected) in cases {
            assert_eq!(Language::negotiate(None, None, Some(accept)), expected, "{accept}");
        }
    }
}
