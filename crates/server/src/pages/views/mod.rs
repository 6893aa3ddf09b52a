//! The pages, each a plain struct: what a handler knows, and nothing of how it is shown.

mod account;
mod client;
mod code;
mod consent;
mod device;
mod error;
mod form_post;
mod one_time_passwords;
mod password;
mod scope;
mod sign_in;
mod sign_out;
mod sign_up;

pub use account::{AccountHome, AccountNotice, AppRow, DeviceRow};
pub use client::{ClientCard, Person};
pub use code::{CodeProblem, CodeSource, EnterCode};
pub use consent::Consent;
pub use device::{DeviceConfirm, DeviceDone, DeviceEnter, DeviceProblem, DeviceVerdict};
pub use error::{ErrorPage, Mishap};
pub use form_post::FormPost;
pub use one_time_passwords::{OneTimePasswordsCard, RecoveryCodes, SetUpCodes};
pub use password::{ForgotPassword, NewPasswordProblem, PasswordChanged, ResetPassword};
pub use sign_in::{ChooseAccount, Reauthenticate, SignIn, SignInProblem};
pub use sign_out::{ConfirmSignOut, Extent, SignedOut};
pub use sign_up::{FinishSignUp, MailPurpose, MailSent, SignUp, SignUpProblem};
