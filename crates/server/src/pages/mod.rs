//! The pages a person sees: plain views in, HTML out. What stands behind a page (sessions, forms,
//! tickets) belongs to the handlers; here is only how it is said and how it looks.
//!
//! A handler takes a [`Chrome`] as an extractor, fills in a view, and answers with
//! [`Chrome::page`]. Pages need no script, and are the same in every language of [`Language`].

mod accent;
pub(crate) mod assets;
mod brand;
mod chrome;
mod form_target;
mod language;
mod letter;
mod moment;
mod page;
mod policy;
mod qr;
mod texts;
mod views;

pub use accent::{Accent, InvalidAccent};
pub use assets::routes as asset_routes;
pub use brand::{Asset, Brand, InvalidLogo, Logo};
pub use chrome::Chrome;
pub use form_target::FormTarget;
pub use language::Language;
pub(crate) use letter::{Letter, Occasion};
pub use page::View;
pub use policy::Policy;
pub use qr::svg as qr_svg;
pub use views::{
    AccountHome, AccountNotice, AppRow, ChooseAccount, ClientCard, CodeProblem, CodeSource,
    ConfirmSignOut, Consent, DeviceConfirm, DeviceDone, DeviceEnter, DeviceProblem, DeviceRow,
    DeviceVerdict, EnterCode, ErrorPage, Extent, FinishSignUp, ForgotPassword, FormPost,
    MailPurpose, MailSent, Mishap, NewPasswordProblem, OneTimePasswordsCard, PasswordChanged,
    Person, Reauthenticate, RecoveryCodes, ResetPassword, SetUpCodes, SignIn, SignInProblem,
    SignUp, SignUpProblem, SignedOut,
};

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
