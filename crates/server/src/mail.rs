//! Mail: handed to a mail server in the background, so that nobody waits for it, and so that no
//! answer of ours tells by its time whether one was written. What waits is lost with the process:
//! whoever misses a mail asks for another one.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use menshen_token::{Clock, Jti};
use tokio::sync::Semaphore;

use crate::config::{Config, MailSettings, SmtpSettings, SmtpTls};
use crate::pages::Letter;
use menshen_token::Entropy;

/// Mails that may wait. What comes on top is dropped: the server is long dead then.
const MOST_WAITING: usize = 1_000;

/// Connections at a time.
const CONNECTIONS: usize = 4;

/// How long each step of a delivery may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How often a mail is tried; with the waits between them, for seven minutes.
const ATTEMPTS: u32 = 5;

/// Sends mail. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    way: Way,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

#[derive(Clone)]
enum Way {
    Off,
    Log,
    Smtp(Arc<Post>),
}

/// A mail server, and what waits for it.
struct Post {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    retry_after: Duration,
    room: Arc<Semaphore>,
    lines: Semaphore,
}

/// Mail cannot be sent this way.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The file of `outbound.ca` cannot be read.
    #[error("failed to read the certificates of `outbound.ca`")]
    Certificates(#[source] std::io::Error),
    /// Encryption cannot be set up.
    #[error("failed to set up TLS for mail")]
    Tls(#[from] lettre::transport::smtp::Error),
}

impl Mailer {
    /// Makes ready what the settings say. The server is looked for when there is a mail.
    ///
    /// # Errors
    ///
    /// [`MailError`].
    pub fn open(
        config: &Config,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, MailError> {
        let way = match &config.mail {
            MailSettings::Off => Way::Off,
            MailSettings::Log => Way::Log,
            MailSettings::Smtp(smtp) => {
                let mut from = smtp.from.clone();
                from.name.get_or_insert_with(|| config.brand.name.clone());
                Way::Smtp(Arc::new(Post {
                    transport: transport(smtp, config.outbound.ca.as_deref())?,
                    from,
                    retry_after: smtp.retry_after,
                    room: Arc::new(Semaphore::new(MOST_WAITING)),
                    lines: Semaphore::new(CONNECTIONS),
                }))
            }
        };
        Ok(Self { way, clock, entropy })
    }

    /// Whether mail reaches anybody.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.way, Way::Off)
    }

    /// Sends a mail, some time soon. One for nobody costs as much, and goes nowhere.
    pub(crate) fn send(&self, to: Option<Address>, letter: Letter) {
        let post = match &self.way {
            Way::Off => return,
            Way::Log => {
                if let Some(to) = to {
                    tracing::info!(
                        mail.to = %to, mail.subject = %letter.subject,
                        "mail, written here because there is no mail server:\n\n{}", letter.text
                    );
                }
                return;
            }
            Way::Smtp(post) => Arc::clone(post),
        };
        let Ok(place) = Arc::clone(&post.room).try_acquire_owned() else {
            tracing::warn!("a mail is dropped: too many wait for the mail server");
            count("dropped");
            return;
        };
        let now = self.clock.now().as_millis();
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now).unwrap_or_default());
        let id = Jti::from_bytes(self.entropy.bytes());
        tokio::spawn(async move {
            let Some(to) = to else { return };
            match post.written(to, letter, &id, now) {
                Ok(message) => post.deliver(message).await,
                Err(error) => tracing::error!(%error, "a mail could not be written"),
            }
            drop(place);
        });
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.way {
            Way::Off => "Mailer(Off)",
            Way::Log => "Mailer(Log)",
            Way::Smtp(_) => "Mailer(Smtp)",
        })
    }
}

impl Post {
    fn written(
        &self,
        to: Address,
        letter: Letter,
        id: &Jti,
        now: SystemTime,
    ) -> Result<Message, lettre::error::Error> {
        // Nobody's holiday should answer it (RFC 3834 section 5).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let automatic = HeaderValue::new(automatic, "auto-generated".to_owned());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject)
            .date(now)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text)
    }

    async fn deliver(&self, message: Message) {
        let mut wait = self.retry_after;
        for attempt in 1..=ATTEMPTS {
            let sent = {
                let _line = self.lines.acquire().await;
                self.transport.send(message.clone()).await
            };
            let Err(error) = sent else { return count("sent") };
            if error.is_permanent() {
                tracing::warn!(%error, "the mail server refuses a mail");
                return count("refused");
            }
            tracing::warn!(%error, cause = ?error, attempt, "a mail could not be delivered");
            if attempt < ATTEMPTS {
                tokio::time::sleep(wait).await;
                wait *= 4;
            }
        }
        count("abandoned");
    }
}

fn transport(
    smtp: &SmtpSettings,
    ca: Option<&Path>,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
    let tls = match smtp.tls {
        SmtpTls::Implicit => Tls::Wrapper(trust(smtp, ca)?),
        SmtpTls::Required => Tls::Required(trust(smtp, ca)?),
        SmtpTls::Opportunistic => Tls::Opportunistic(trust(smtp, ca)?),
        SmtpTls::Off => Tls::None,
    };
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(smtp.host.clone());
    let builder = builder.port(smtp.port).tls(tls).timeout(Some(TIMEOUT));
    let builder = match &smtp.credentials {
        Some((name, password)) => {
            builder.credentials(Credentials::new(name.clone(), password.expose().to_owned()))
        }
        None => builder,
    };
    Ok(builder.build())
}

/// The well-known roots, and those of the operator.
fn trust(smtp: &SmtpSettings, ca: Option<&Path>) -> Result<TlsParameters, MailError> {
    let mut parameters = TlsParameters::builder(smtp.host.clone());
    if let Some(path) = ca {
        let pem = std::fs::read(path).map_err(MailError::Certificates)?;
        parameters = parameters.add_root_certificate(Certificate::from_pem(&pem)?);
    }
    Ok(parameters.build()?)
}

fn count(outcome: &'static str) {
    metrics::counter!("menshen_mails_total", "outcome" => outcome).increment(1);
}
