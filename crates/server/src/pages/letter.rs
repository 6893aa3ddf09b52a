//! The mails we write: plain text, in the language of the page that they were asked for on. Nothing
//! that a stranger chose stands in them.

use super::chrome::Chrome;

/// A mail, but for whom it is from and to.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    /// The subject.
    pub(crate) subject: String,
    /// The text.
    pub(crate) text: String,
}

/// Why a mail is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Occasion<'a> {
    /// Somebody forgot the password of this user.
    ResetPassword {
        /// The user name.
        username: &'a str,
        /// The link.
        link: &'a str,
    },
    /// Somebody signs in, and chose to give a code that is mailed.
    OneTimePassword {
        /// The code.
        code: &'a str,
    },
    /// Somebody wants to sign up with this address.
    SignUp {
        /// The link.
        link: &'a str,
    },
    /// Somebody wants to sign up with an address that has an account.
    KnownAddress {
        /// Where to sign in.
        sign_in: &'a str,
        /// Where to ask for a new password.
        forgot_password: &'a str,
    },
}

impl Letter {
    /// The mail for an occasion; a link or code in it is good for so many minutes.
    pub(crate) fn write(chrome: &Chrome, occasion: Occasion<'_>, minutes: u64) -> Self {
        let place = &chrome.brand().name;
        let of_place = |key| chrome.text_of(key, "place", place);
        let how_long = || chrome.text_of("mail-how-long", "minutes", &minutes);
        let (subject, mut parts) = match occasion {
            Occasion::ResetPassword { username, link } => {
                let name = username.to_owned();
                let values: [(&str, &dyn super::chrome::Argument); 2] =
                    [("place", place), ("name", &name)];
                let lead = chrome.text_of_all("mail-reset-lead", &values);
                let keep_it = chrome.text("mail-keep-it");
                let parts = vec![lead, link.to_owned(), format!("{} {keep_it}", how_long())];
                (of_place("mail-reset-subject"), parts)
            }
            Occasion::OneTimePassword { code } => {
                let how_long = chrome.text_of("mail-code-how-long", "minutes", &minutes);
                let keep_it = chrome.text("mail-code-keep-it");
                let parts = vec![of_place("mail-code-lead"), code.to_owned(), how_long, keep_it];
                (of_place("mail-code-subject"), parts)
            }
            Occasion::SignUp { link } => {
                let parts = vec![of_place("mail-sign-up-lead"), link.to_owned(), how_long()];
                (of_place("mail-sign-up-subject"), parts)
            }
            Occasion::KnownAddress { sign_in, forgot_password } => {
                let forgot = chrome.text("mail-known-forgot");
                let lead = of_place("mail-known-lead");
                let parts = vec![lead, sign_in.to_owned(), forgot, forgot_password.to_owned()];
                (of_place("mail-known-subject"), parts)
            }
        };
        let not_you = match occasion {
            Occasion::OneTimePassword { .. } => "mail-code-not-you",
            _ => "mail-not-you",
        };
        parts.push(chrome.text(not_you));
        parts.push(format!("-- \n{place}"));
        Self { subject, text: parts.join("\n\n") + "\n" }
    }
}
