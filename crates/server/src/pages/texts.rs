//! What the pages say, in every language, from `locales/*.ftl`.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

use super::language::Language;

/// The messages of one language.
type Bundle = FluentBundle<FluentResource>;

pub(super) const ENGLISH: &str = include_str!("../../locales/en.ftl");
pub(super) const CHINESE: &str = include_str!("../../locales/zh-CN.ftl");

/// The message of a key. A key that is missing is shown as it is: `tests.rs` sees to it that
/// there is none.
pub(super) fn text(language: Language, key: &str, arguments: Option<&FluentArgs<'_>>) -> String {
    static BUNDLES: LazyLock<[Bundle; 2]> =
        LazyLock::new(|| [bundle(Language::English, ENGLISH), bundle(Language::Chinese, CHINESE)]);
    let bundle = match language {
        Language::English => &BUNDLES[0],
        Language::Chinese => &BUNDLES[1],
    };
    let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
        tracing::error!(key, language = language.tag(), "a page has no text");
        return key.to_owned();
    };
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, arguments, &mut errors).into_owned();
    if !errors.is_empty() {
        tracing::error!(key, language = language.tag(), ?errors, "a text of a page is broken");
    }
    text
}

fn bundle(language: Language, source: &str) -> Bundle {
    let tag = language.tag().parse().expect("our tags are well formed");
    let resource = match FluentResource::try_new(source.to_owned()) {
        Ok(resource) | Err((resource, _)) => resource,
    };
    let mut bundle = Bundle::new_concurrent(vec![tag]);
    // Marks around inserted text are for mixed directions, and would be copied along with names.
    bundle.set_use_isolating(false);
    if let Err(errors) = bundle.add_resource(resource) {
        tracing::error!(?errors, "texts are given twice");
    }
    bundle
}
