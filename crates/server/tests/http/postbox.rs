//! A mail server that takes what it is given, and speaks as much SMTP (RFC 5321) as that needs.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menshen_server::config::{Config, MailSettings, SmtpSettings, SmtpTls};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

/// A mail server.
pub(crate) struct Postbox {
    address: SocketAddr,
    answers: Arc<Mutex<VecDeque<String>>>,
    received: UnboundedReceiver<Mail>,
}

/// A mail as it arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) headers: String,
    pub(crate) text: String,
    /// What came with `AUTH PLAIN`.
    pub(crate) credentials: Option<String>,
}

impl Postbox {
    pub(crate) async fn open() -> Self {
        Self::that_says(&[]).await
    }

    /// Whose first answers to `RCPT` are these.
    pub(crate) async fn that_says(answers: &[&str]) -> Self {
        Self::listen(answers, None).await
    }

    /// That speaks TLS from the first byte.
    pub(crate) async fn behind(tls: TlsAcceptor) -> Self {
        Self::listen(&[], Some(tls)).await
    }

    async fn listen(answers: &[&str], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let answers: VecDeque<String> = answers.iter().map(ToString::to_string).collect();
        let answers = Arc::new(Mutex::new(answers));
        let (sender, received) = unbounded_channel();
        let scripted = answers.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (scripted, sender) = (scripted.clone(), sender.clone());
                match tls.clone() {
                    None => tokio::spawn(converse(stream, scripted, sender)),
                    Some(tls) => tokio::spawn(async move {
                        if let Ok(stream) = tls.accept(stream).await {
                            converse(stream, scripted, sender).await;
                        }
                    }),
                };
            }
        });
        Self { address, answers, received }
    }

    /// How to reach it.
    pub(crate) fn settings(&self) -> SmtpSettings {
        SmtpSettings {
            host: self.address.ip().to_string(),
            port: self.address.port(),
            tls: SmtpTls::Off,
            credentials: None,
            from: "login@id.example".parse().expect("an address"),
            retry_after: Duration::ZERO,
        }
    }

    /// Has a server send its mail here.
    pub(crate) fn serve(&self) -> impl FnOnce(&mut Config) + use<> {
        let settings = self.settings();
        move |config| {
            config.mail = MailSettings::Smtp(Box::new(settings));
            config.sign_up_allowed = true;
        }
    }

    /// The next mail.
    pub(crate) async fn next(&mut self) -> Mail {
        let mail = tokio::time::timeout(Duration::from_secs(30), self.received.recv()).await;
        mail.expect("a mail in time").expect("it is open")
    }

    /// Whether it has said all that it was told to say.
    pub(crate) fn has_refused_all(&self) -> bool {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether nothing has arrived that was not looked at.
    pub(crate) fn is_empty(&self) -> bool {
        self.received.is_empty()
    }
}

impl Mail {
    /// The path of the first link.
    pub(crate) fn path(&self) -> String {
        let link = self.text.split_whitespace().find(|word| word.starts_with("https://"));
        let link = link.unwrap_or_else(|| panic!("no link in {}", self.text));
        link.strip_prefix(crate::harness::ISSUER).expect("a link of ours").to_owned()
    }

    pub(crate) fn subject(&self) -> String {
        let line = self.headers.lines().find_map(|line| line.strip_prefix("Subject: "));
        let line = line.expect("a subject");
        let mut text = String::new();
        let mut was_encoded = true;
        // Space between two encoded words is none (RFC 2047 section 6.2).
        for word in line.split(' ') {
            let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
            let space =
                if was_encoded && (encoded.is_some() || text.is_empty()) { "" } else { " " };
            let word = encoded.map_or_else(|| word.to_owned(), |word| text_of(&STANDARD, word));
            text.push_str(space);
            text.push_str(&word);
            was_encoded = encoded.is_some();
        }
        text
    }
}

fn text_of(engine: &base64::engine::GeneralPurpose, encoded: &str) -> String {
    let bytes = engine.decode(encoded).expect("base64");
    String::from_utf8(bytes).expect("UTF-8")
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite,
    answers: Arc<Mutex<VecDeque<String>>>,
    sender: UnboundedSender<Mail>,
) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut lines = BufReader::new(reader).lines();
    let mut mail = Mail::default();
    let mut say = "220 postbox".to_owned();
    loop {
        if writer.write_all(format!("{say}\r\n").as_bytes()).await.is_err() {
            return;
        }
        let Ok(Some(line)) = lines.next_line().await else { return };
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        say = match verb.as_str() {
            "EHLO" => "250-postbox\r\n250-AUTH PLAIN\r\n250 8BITMIME".to_owned(),
            "AUTH" => {
                let encoded = line.rsplit(' ').next().unwrap_or_default();
                mail.credentials = Some(text_of(&STANDARD, encoded));
                "235 welcome".to_owned()
            }
            "MAIL" => {
                mail.from = line;
                "250 fine".to_owned()
            }
            "RCPT" => {
                mail.to = line;
                let scripted = answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                scripted.unwrap_or_else(|| "250 fine".to_owned())
            }
            "DATA" => {
                let _ = writer.write_all(b"354 go on\r\n").await;
                let mut raw = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    raw += &line;
                    raw.push('\n');
                }
                (mail.headers, mail.text) = parts(&raw);
                let _ = sender.send(mail.clone());
                "250 taken".to_owned()
            }
            "QUIT" => "221 bye".to_owned(),
            _ => "250 fine".to_owned(),
        };
    }
}

/// Headers, unfolded, and the text.
fn parts(raw: &str) -> (String, String) {
    let (headers, body) = raw.split_once("\n\n").expect("headers and a body");
    let headers = headers.replace("\n ", " ");
    let encoding =
        headers.lines().find_map(|line| line.strip_prefix("Content-Transfer-Encoding: "));
    let text = match encoding {
        Some("base64") => text_of(&STANDARD, &body.replace('\n', "")),
        Some("quoted-printable") => unquoted(body),
        _ => body.to_owned(),
    };
    (headers, text)
}

/// RFC 2045 section 6.7.
fn unquoted(body: &str) -> String {
    let body = body.replace("=\n", "");
    let mut parts = body.split('=');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).expect("two hex digits"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).expect("UTF-8")
}
