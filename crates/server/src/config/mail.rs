//! The settings of mail: how it leaves, and in whose name.

use std::time::Duration;

use lettre::message::Mailbox;
use menshen_domain::Secret;
use url::{Host, Url};

use super::ConfigError;
use super::resolve::Reader;
use crate::form::decode;

/// How mail leaves.
#[derive(Clone, Debug)]
pub enum MailSettings {
    /// It does not: what needs it is not offered.
    Off,
    /// It is written to the log, for those who try things out.
    Log,
    /// By a mail server.
    Smtp(Box<SmtpSettings>),
}

/// The mail server that takes our mail.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    /// Name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is kept from others.
    pub tls: SmtpTls,
    /// Name and password.
    pub credentials: Option<(String, Secret)>,
    /// Whom the mail is from.
    pub from: Mailbox,
    /// How long the first wait is after a failure; each further one is four times as long.
    pub retry_after: Duration,
}

/// How the connection to a mail server is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS from the first byte.
    Implicit,
    /// TLS by `STARTTLS`, or no mail.
    Required,
    /// TLS by `STARTTLS` where it is offered.
    Opportunistic,
    /// Not at all: on this machine only.
    Off,
}

pub(super) fn mail(from: &Reader<'_>, issuer: &Url) -> Result<MailSettings, ConfigError> {
    let server = from.read_given("smtp.url", server)?;
    let sender = from.read_given("smtp.from", sender)?;
    match (server, sender) {
        (Some(server), Some(from)) => {
            Ok(MailSettings::Smtp(Box::new(SmtpSettings { from, ..server })))
        }
        (Some(_), None) => Err(from.invalid("smtp.from", "given with `smtp.url`")),
        (None, Some(_)) => Err(from.invalid("smtp.url", "given with `smtp.from`")),
        // Only a loopback address has no TLS: nobody else is there yet.
        (None, None) if issuer.scheme() == "http" => Ok(MailSettings::Log),
        (None, None) => Ok(MailSettings::Off),
    }
}

pub(super) fn sign_up_allowed(from: &Reader<'_>, mail: &MailSettings) -> Result<bool, ConfigError> {
    let allowed = from.read("sign_up.allowed", super::value::switch)?;
    if allowed && matches!(mail, MailSettings::Off) {
        return Err(from.invalid(
            "sign_up.allowed",
            "false without `smtp.url`: an address is confirmed by a mail",
        ));
    }
    Ok(allowed)
}

fn sender(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| "an address such as `Tea House <login@tea.example>`".to_owned())
}

fn server(text: &str) -> Result<SmtpSettings, String> {
    let expected = "`smtps://host` or `smtp://host?tls=required`, with `user:password@` before the \
        host if it asks for them; without TLS on this machine only";
    read_server(text).ok_or_else(|| expected.to_owned())
}

fn read_server(text: &str) -> Option<SmtpSettings> {
    let url: Url = text.parse().ok()?;
    let (tls, usual_port) = match (url.scheme(), url.query()) {
        ("smtps", None) => (SmtpTls::Implicit, 465),
        ("smtp", Some("tls=required")) => (SmtpTls::Required, 587),
        ("smtp", Some("tls=opportunistic")) => (SmtpTls::Opportunistic, 587),
        ("smtp", None) => (SmtpTls::Off, 25),
        _ => return None,
    };
    // The parser takes the host of a scheme that it does not know for any text.
    let host = Host::parse(url.host_str()?).ok()?;
    let is_here = match &host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let bare = matches!(url.path(), "" | "/") && url.fragment().is_none();
    if !bare || (tls == SmtpTls::Off && !is_here) {
        return None;
    }
    let host = match host {
        Host::Ipv6(address) => address.to_string(),
        host => host.to_string(),
    };
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (name, password) => Some((unescaped(name)?, Secret::new(unescaped(password?)?))),
    };
    Some(SmtpSettings {
        host,
        port: url.port().unwrap_or(usual_port),
        tls,
        credentials,
        from: "nobody@localhost".parse().ok()?,
        retry_after: Duration::from_secs(5),
    })
}

/// As in a URL, where a plus sign stands for itself.
fn unescaped(text: &str) -> Option<String> {
    decode(text.replace('+', "%2B").as_bytes()).map(|text| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_read_with_its_secrets_kept() {
        let server = read_server("smtps://lin%40tea:p%2Bw+d%3A@mail.tea.example").expect("valid");
        assert_eq!((server.host.as_str(), server.port), ("mail.tea.example", 465));
        let (name, password) = server.credentials.clone().expect("given");
        assert_eq!((name.as_str(), password.expose()), ("lin@tea", "p+w+d:"));
        assert!(!format!("{server:?}").contains("p+w"), "{server:?}");
        let cases = [
            ("smtp://a.example?tls=required", SmtpTls::Required, 587),
            ("smtp://a.example:25?tls=opportunistic", SmtpTls::Opportunistic, 25),
            ("smtp://127.0.0.1:2525", SmtpTls::Off, 2525),
            ("smtp://[::1]", SmtpTls::Off, 25),
            ("smtp://localhost/", SmtpTls::Off, 25),
        ];
        for (text, tls, port) in cases {
            let server = read_server(text).expect(text);
            assert_eq!((server.tls, server.port), (tls, port), "{text}");
        }
    }

    #[test]
    fn what_would_travel_in_the_clear_is_refused() {
        for text in [
            "smtp://mail.tea.example",
            "smtp://10.0.0.1:25",
            "smtp://localhost.evil.example",
            "smtp://a.example?tls=none",
            "smtp://a.example?tls=required&tls=none",
            "smtps://user@a.example",
            "smtps://a.example/path",
            "http://a.example",
            "mail.tea.example:25",
            "",
        ] {
            assert!(read_server(text).is_none(), "{text}");
        }
    }
}
