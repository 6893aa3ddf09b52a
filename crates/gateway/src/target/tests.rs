//! What is read, and everything that is not.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn read(text: &str) -> Result<String, AmbiguousTarget> {
    Target::parse(text, Leniency::default()).map(|target| target.to_string())
}

#[test]
fn plain_targets_are_read_as_they_are() {
    for text in ["/", "/a", "/a/", "/a/b.c~d-e_f", "/a?x=%2F..//;", "/a:b@c,d", "/%E9%97%A8?"] {
        assert_eq!(read(text).as_deref(), Ok(text));
    }
}

#[test]
fn one_path_has_one_spelling() {
    assert_eq!(read("/%61dmin/%7e%2d%5f").as_deref(), Ok("/admin/~-_"));
    assert_eq!(read("/caf%c3%a9").as_deref(), Ok("/caf%C3%A9"));
    let target = Target::parse("/%61/caf%c3%a9/", Leniency::default()).expect("plain");
    assert_eq!(target.segments(), ["a", "café"]);
}

#[test]
fn what_two_servers_could_read_differently_is_refused() {
    let cases = [
        ("", AmbiguousTarget::NoPath),
        ("*", AmbiguousTarget::NoPath),
        ("a/b", AmbiguousTarget::NoPath),
        ("http://host/a", AmbiguousTarget::NoPath),
        ("/a b", AmbiguousTarget::RawCharacter),
        ("/a#b", AmbiguousTarget::RawCharacter),
        ("/a?b#c", AmbiguousTarget::RawCharacter),
        ("/門", AmbiguousTarget::RawCharacter),
        ("/a%", AmbiguousTarget::Encoding),
        ("/a%4", AmbiguousTarget::Encoding),
        ("/a%+4", AmbiguousTarget::Encoding),
        ("/%252e%252e/admin", AmbiguousTarget::Encoding),
        ("/%25%32%65%252%65/admin", AmbiguousTarget::Encoding),
        ("/a%00", AmbiguousTarget::HiddenCharacter),
        ("/a%0d%0ab", AmbiguousTarget::HiddenCharacter),
        ("/a\\b", AmbiguousTarget::HiddenCharacter),
        ("/a%5cb", AmbiguousTarget::HiddenCharacter),
        ("/%c0%ae%c0%ae/admin", AmbiguousTarget::HiddenCharacter),
        ("/a/../b", AmbiguousTarget::DotSegment),
        ("/a/%2e%2E/b", AmbiguousTarget::DotSegment),
        ("/a/.%2e/b", AmbiguousTarget::DotSegment),
        ("/./a", AmbiguousTarget::DotSegment),
        ("/a/..", AmbiguousTarget::DotSegment),
        ("/a/..;/b", AmbiguousTarget::DotSegment),
        ("//a", AmbiguousTarget::EmptySegment),
        ("/a//b", AmbiguousTarget::EmptySegment),
        ("/a//", AmbiguousTarget::EmptySegment),
        ("/a%2fb", AmbiguousTarget::EncodedSlash),
        ("/admin;x", AmbiguousTarget::PathParameter),
        ("/admin%3Bx", AmbiguousTarget::PathParameter),
        ("/admin.", AmbiguousTarget::TrailingDot),
        ("/admin%2e", AmbiguousTarget::TrailingDot),
        ("/admin%20", AmbiguousTarget::TrailingDot),
        ("/%20admin", AmbiguousTarget::TrailingDot),
        ("/..%20/admin", AmbiguousTarget::DotSegment),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), Err(expected), "{text}");
    }
    assert_eq!(read(&format!("/{}", "a".repeat(9000))), Err(AmbiguousTarget::NoPath));
}

#[test]
fn leniency_never_reaches_dot_segments() {
    let lenient = Leniency {
        empty_segments: true,
        encoded_slashes: true,
        path_parameters: true,
        trailing_dots: true,
    };
    for text in ["/a//b", "/a%2Fb", "/a;b", "/a."] {
        assert!(Target::parse(text, lenient).is_ok(), "{text}");
    }
    for text in [
        "/a/..",
        "/a/..;b/c",
        "/..%2Fadmin",
        "/a%2F..",
        "/a%2F%2e%2e%2fb",
        "/a%2F..;b/c",
        "/a/..%20/b",
        "/a%5c..",
    ] {
        assert!(Target::parse(text, lenient).is_err(), "{text}");
    }
}

/// What some server does to a path before it looks for what is there.
type Habit = fn(&str) -> String;

const HABITS: [Habit; 8] = [
    decoded,
    |path| decoded(&decoded(path)),
    |path| path.replace('\\', "/"),
    |path| of_segments(path.split('/').map(|part| part.split(';').next().unwrap_or_default())),
    |path| of_segments(path.split('/').map(|part| part.trim_end_matches(['.', ' ']))),
    |path| of_segments(path.split('/').map(|part| part.trim_matches(' '))),
    |path| path.split('\0').next().unwrap_or_default().to_owned(),
    |path| {
        let mut kept: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "." => {}
                ".." => drop(kept.pop()),
                part => kept.push(part),
            }
        }
        kept.join("/")
    },
];

fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let value = Some(bytes[at]).filter(|byte| *byte == b'%');
        let value = value.and_then(|_| hexadecimal(bytes, at + 1));
        found.push(value.unwrap_or(bytes[at]));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&found).into_owned()
}

fn of_segments<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    parts.collect::<Vec<_>>().join("/")
}

/// As a server does that merges slashes.
fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}

const ATOMS: [&str; 30] = [
    "/", "/", "/", "a", "b", ".", "..", ";", ";x=1", "\\", "%2e", "%2E", "%2f", "%5c", "%3b",
    "%25", "%252e", "%32", "%65", "2e", "2f", "5c", "%00", "%20", "%c3%a4", "%7e", "+", "~", "%",
    "@",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn every_server_reads_what_we_read(
        atoms in prop::collection::vec(select(&ATOMS), 0..9),
        habits in prop::collection::vec(select(&HABITS), 0..5),
    ) {
        let text = format!("/{}", atoms.concat());
        if let Ok(target) = Target::parse(&text, Leniency::default()) {
            for sent in [text.as_str(), target.path()] {
                let mut path = decoded(sent);
                for habit in &habits {
                    path = habit(&path);
                }
                prop_assert_eq!(segments(&path), target.segments(), "{}", sent);
            }
            // What goes upstream is read as what came in.
            prop_assert_eq!(Target::parse(target.path(), Leniency::default()), Ok(target.clone()));
        }
    }
}
