//! One-time passwords in the samples.

use super::super::{
    CodeProblem, CodeSource, EnterCode, NewPasswordProblem, OneTimePasswordsCard, RecoveryCodes,
    SetUpCodes,
};
use super::{Cast, NOW, Sample, form, sample};

pub(super) fn all(cast: &Cast<'_>) -> Vec<Sample> {
    let from_app = EnterCode {
        client: Some(cast.client()),
        person: cast.person(),
        source: CodeSource::App,
        form: form("/sign-in/code"),
        mail: Some(form("/sign-in/mail-code")),
        problem: None,
        other_account: Some(form("/sign-in/other")),
    };
    let wrong = EnterCode {
        client: None,
        mail: None,
        problem: Some(CodeProblem::WrongCode),
        ..from_app.clone()
    };
    let throttled =
        EnterCode { problem: Some(CodeProblem::TooManyAttempts(45)), ..from_app.clone() };
    let from_mail = EnterCode { source: CodeSource::Mail(10), ..from_app.clone() };
    let to_come = EnterCode { source: CodeSource::MailToCome, ..from_app.clone() };
    let set_up = SetUpCodes {
        picture: Some("PHN2Zy8+".to_owned()),
        address: "otpauth://totp/Tea%20House:lin?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
            .to_owned(),
        secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ".to_owned(),
        form: form("/account/one-time-passwords/confirm"),
        problem: None,
        back: "/account".to_owned(),
    };
    let set_up_wrong = SetUpCodes { problem: Some(CodeProblem::WrongCode), ..set_up.clone() };
    let recovery = RecoveryCodes {
        codes: vec!["uws2-ljnf-uws2-ljnf".to_owned(); 10],
        back: "/account".to_owned(),
    };
    vec![
        sample("enter-code", from_app),
        sample("enter-code-wrong", wrong),
        sample("enter-code-throttled", throttled),
        sample("enter-code-mailed", from_mail),
        sample("enter-code-to-mail", to_come),
        sample("set-up-codes", set_up),
        sample("set-up-codes-wrong", set_up_wrong),
        sample("recovery-codes", recovery),
    ]
}

/// What the account home says of them, with why its form is shown again.
pub(super) fn card(problem: Option<NewPasswordProblem>) -> OneTimePasswordsCard {
    let form = form("/account/one-time-passwords");
    OneTimePasswordsCard { since: None, recovery_codes: 0, form, problem }
}

/// The same while they are on.
pub(super) fn cards() -> Vec<OneTimePasswordsCard> {
    let on =
        |recovery_codes| OneTimePasswordsCard { since: Some(NOW), recovery_codes, ..card(None) };
    let wrong = card(Some(NewPasswordProblem::CurrentIsWrong));
    vec![on(10), on(1), on(0), wrong]
}
