//! Which hosts and paths a rule is about.

use serde::Deserialize;

use crate::host::Host;
use crate::target::Target;

/// `api.example.com`, `*.example.com` (one label and more in its place), or `*` for every host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HostPattern(HostForm);

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostForm {
    Any,
    Exact(String),
    /// With the dot that it begins with.
    Below(String),
}

impl HostPattern {
    /// Whether the pattern is about this host.
    pub fn fits(&self, host: &Host) -> bool {
        match &self.0 {
            HostForm::Any => true,
            HostForm::Exact(name) => host.as_str() == name,
            HostForm::Below(suffix) => {
                host.as_str().strip_suffix(suffix.as_str()).is_some_and(|rest| !rest.is_empty())
            }
        }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self(HostForm::Any));
        }
        let (wild, name) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text.as_str()),
        };
        let host: Host = name.parse().map_err(|_| {
            format!("`{text}` is no host; write `api.example.com`, `*.example.com` or `*`")
        })?;
        if host.as_str() != name.to_ascii_lowercase() {
            return Err(format!(
                "`{text}` must be a name without port and without a dot at its end"
            ));
        }
        let name = host.as_str().to_owned();
        Ok(Self(if wild { HostForm::Below(format!(".{name}")) } else { HostForm::Exact(name) }))
    }
}

/// `/orders`, `/orders/*/lines` (`*` is one segment), `/files/**` (`**` at the end is the path
/// itself and all below it). Text is compared letter by letter, decoded; a slash at the end makes
/// no difference.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
    and_below: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Any,
    Exact(String),
}

impl PathPattern {
    /// Whether the pattern is about this path; without regard to upper and lower case if so told.
    pub fn fits(&self, target: &Target, case: Case) -> bool {
        let found = target.segments();
        let length_fits = if self.and_below {
            found.len() >= self.segments.len()
        } else {
            found.len() == self.segments.len()
        };
        length_fits
            && self.segments.iter().zip(found).all(|(wanted, found)| wanted.fits(found, case))
    }

    /// As it stands in the file.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Whether `/Admin` is `/admin`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// They are two paths.
    #[default]
    Sensitive,
    /// They are one path, as for a service that does not tell them apart.
    Ignored,
}

impl Segment {
    fn fits(&self, found: &str, case: Case) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(wanted) => match case {
                Case::Sensitive => wanted == found,
                Case::Ignored => wanted.to_lowercase() == found.to_lowercase(),
            },
        }
    }
}

impl TryFrom<String> for PathPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let rest = text.strip_prefix('/').ok_or_else(|| format!("`{text}` must begin with `/`"))?;
        let mut parts: Vec<&str> = rest.split('/').collect();
        if parts.last() == Some(&"") {
            parts.pop();
        }
        let and_below = parts.last() == Some(&"**");
        if and_below {
            parts.pop();
        }
        let segments = parts.into_iter().map(segment).collect::<Result<_, _>>();
        let segments = segments.map_err(|reason| format!("`{text}`: {reason}"))?;
        Ok(Self { text, segments, and_below })
    }
}

fn segment(part: &str) -> Result<Segment, &'static str> {
    match part {
        "*" => Ok(Segment::Any),
        "" => Err("`//` fits no path"),
        "." | ".." => Err("dot segments fit no path"),
        "**" => Err("`**` may stand at the end only"),
        _ if part.contains('*') => Err("`*` stands for a whole segment"),
        _ if part.contains(['?', '#']) => Err("a pattern is about the path, without query"),
        _ if part.contains('%') => Err("write the path decoded, without `%`"),
        _ => Ok(Segment::Exact(part.to_owned())),
    }
}
