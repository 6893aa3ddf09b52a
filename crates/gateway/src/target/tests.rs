//! What is read, and everything that is not.

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
    for text in ["/a/..", "/a/..;b/c", "/..%2Fadmin", "/a%2F..", "/a%2F%2e%2e%2fb", "/a%5c.."] {
        assert!(Target::parse(text, lenient).is_err(), "{text}");
    }
}
