//! Where settings come from, and what is said about those that nobody knows.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::settings::{self, Kind, PREFIX, SETTINGS};

/// Where settings come from, the weakest first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A file that must be there. Without it, `menshen.toml` in the working directory, which
    /// need not.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not begin with `MENSHEN_` are passed
    /// over, and so are those of tests, `MENSHEN_TEST_*`.
    pub environment: Vec<(String, String)>,
    /// Flags: the key as in the file, and the value as in the environment.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// The sources of this process, with the flags it was given. A variable that is not UTF-8
    /// keeps a replacement character in place of what could not be read, and so fails its check.
    pub fn of_this_process(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        Self { file, environment: environment.collect(), flags }
    }
}

/// A setting is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {}", .0.display(), .1)]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// The file is no TOML.
    #[error("{place}: {message}")]
    Malformed {
        /// File and line.
        place: String,
        /// What the parser says.
        message: String,
    },
    /// A key that is no setting.
    #[error("{place}: there is no setting `{key}`{}", suggestion(.nearest.as_deref()))]
    Unknown {
        /// Where it stands.
        place: String,
        /// The key.
        key: String,
        /// The setting that was perhaps meant.
        nearest: Option<String>,
    },
    /// A value of the wrong type or out of range.
    #[error("{place}: `{key}` must be {expected}")]
    Invalid {
        /// Where it stands.
        place: String,
        /// The key.
        key: &'static str,
        /// What it must be.
        expected: String,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
}

/// What was given for one setting, and where.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) place: String,
}

/// What was given, by key; a later source has replaced what an earlier one gave.
pub(super) type Layered = BTreeMap<&'static str, Given>;

const DEFAULT_FILE: &str = "menshen.toml";

pub(super) fn lay(sources: &Sources) -> Result<Layered, ConfigError> {
    let mut layered = Layered::new();
    if let Some((path, text)) = read(sources.file.as_deref())? {
        lay_file(&path, &text, &mut layered)?;
    }
    for (name, value) in &sources.environment {
        lay_variable(name, value, &mut layered)?;
    }
    for (key, value) in &sources.flags {
        let setting = settings::find(key).ok_or_else(|| ConfigError::Unknown {
            place: "command line".to_owned(),
            key: key.clone(),
            nearest: nearest(key, SETTINGS.iter().map(|setting| setting.key.to_owned())),
        })?;
        let place = format!("flag for {key}");
        layered.insert(setting.key, Given { text: value.clone(), place });
    }
    Ok(layered)
}

fn read(file: Option<&Path>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let path = file.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ConfigError::Unreadable(path.to_owned(), error)),
    }
}

/// Names of variables for tests, such as `MENSHEN_TEST_POSTGRES`.
const TESTS_PREFIX: &str = "MENSHEN_TEST_";

fn lay_variable(name: &str, value: &str, layered: &mut Layered) -> Result<(), ConfigError> {
    // What our own tests are told is no setting, and must not keep a server from starting.
    if !name.starts_with(PREFIX) || name.starts_with(TESTS_PREFIX) {
        return Ok(());
    }
    let Some(setting) = SETTINGS.iter().find(|setting| setting.environment() == name) else {
        return Err(ConfigError::Unknown {
            place: "environment".to_owned(),
            key: name.to_owned(),
            nearest: nearest(name, SETTINGS.iter().map(settings::Setting::environment)),
        });
    };
    layered.insert(
        setting.key,
        Given { text: value.to_owned(), place: format!("environment variable {name}") },
    );
    Ok(())
}

fn lay_file(path: &Path, text: &str, layered: &mut Layered) -> Result<(), ConfigError> {
    let place = |at: usize| {
        let line = text[..at.min(text.len())].matches('\n').count() + 1;
        format!("{}:{line}", path.display())
    };
    let document = DeTable::parse(text).map_err(|error| ConfigError::Malformed {
        place: place(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    lay_table("", document.get_ref(), &place, layered)
}

fn lay_table(
    prefix: &str,
    table: &DeTable<'_>,
    place: &dyn Fn(usize) -> String,
    layered: &mut Layered,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        let place_of_key = place(name.span().start);
        if let DeValue::Table(inner) = value.get_ref()
            && SETTINGS.iter().any(|setting| setting.key.starts_with(&format!("{key}.")))
        {
            lay_table(&format!("{key}."), inner, place, layered)?;
            continue;
        }
        let Some(setting) = settings::find(&key) else {
            let nearest = nearest(&key, SETTINGS.iter().map(|setting| setting.key.to_owned()));
            return Err(ConfigError::Unknown { place: place_of_key, key, nearest });
        };
        let text = written(setting.kind, value.get_ref()).ok_or_else(|| ConfigError::Invalid {
            place: place(value.span().start),
            key: setting.key,
            expected: expected(setting.kind).to_owned(),
        })?;
        layered.insert(setting.key, Given { text, place: place(value.span().start) });
    }
    Ok(())
}

/// The value as it would be written in the environment; `None` for one of the wrong type.
fn written(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    match (kind, value) {
        (Kind::Text, DeValue::String(text)) => Some(text.to_string()),
        (Kind::Number, DeValue::Integer(number)) => Some(number.to_string()),
        (Kind::Switch, DeValue::Boolean(switch)) => Some(switch.to_string()),
        (Kind::List, DeValue::Array(parts)) => parts
            .iter()
            .map(|part| match part.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(|parts| parts.join(",")),
        _ => None,
    }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a string",
        Kind::Number => "a whole number",
        Kind::Switch => "`true` or `false`",
        Kind::List => "a list of strings",
    }
}

/// The known name that was perhaps meant.
fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, &candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}
