//! One sample, or a few, of every view: for the tests, and for the gallery that people look at.

#[path = "samples/codes.rs"]
mod codes;

use menshen_token::{Reason, Timestamp};
use url::Url;

use super::{
    AccountHome, AccountNotice, AppRow, ChooseAccount, ClientCard, ConfirmSignOut, Consent,
    DeviceConfirm, DeviceDone, DeviceEnter, DeviceProblem, DeviceRow, DeviceVerdict, ErrorPage,
    Extent, FinishSignUp, ForgotPassword, FormPost, FormTarget, MailPurpose, MailSent, Mishap,
    NewPasswordProblem, PasswordChanged, Person, Reauthenticate, ResetPassword, SignIn,
    SignInProblem, SignUp, SignUpProblem, SignedOut, View,
};

/// The time in the samples: 2026-11-03, 10:00 UTC.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_793_700_000);

/// A sample: what it is called in the gallery, and the view.
pub(super) type Sample = (&'static str, Box<dyn View + Send + Sync>);

/// Every sample. `hostile` stands for everything that people and clients choose themselves.
pub(super) fn all(hostile: Option<&str>) -> Vec<Sample> {
    let cast = Cast { hostile };
    let mut samples = sign_in(&cast);
    samples.extend(codes::all(&cast));
    samples.extend(sign_up(&cast));
    samples.extend(passwords(&cast));
    samples.extend(consent(&cast));
    samples.extend(devices(&cast));
    samples.extend(sign_out(&cast));
    samples.extend(account(&cast));
    samples.extend(errors(&cast));
    samples
}

/// Who appears in the samples.
struct Cast<'a> {
    hostile: Option<&'a str>,
}

impl Cast<'_> {
    fn text(&self, usual: &str) -> String {
        self.hostile.unwrap_or(usual).to_owned()
    }

    fn client(&self) -> ClientCard {
        ClientCard {
            name: self.text("Tea House"),
            logo: None,
            home: Some(url("https://tea.example/")),
            policy: Some(url("https://tea.example/privacy")),
            terms: Some(url("https://tea.example/terms")),
        }
    }

    fn person(&self) -> Person {
        Person { name: Some(self.text("Lin Wei")), username: self.text("lin.wei@example.com") }
    }
}

fn url(text: &str) -> Url {
    text.parse().expect("the samples are well formed")
}

fn form(path: &str) -> FormTarget {
    FormTarget::to(path).carrying("flow", "b7Qx").leading_to(&url("https://tea.example/callback"))
}

fn sample(name: &'static str, view: impl View + Send + Sync + 'static) -> Sample {
    (name, Box::new(view))
}

fn sign_in(cast: &Cast<'_>) -> Vec<Sample> {
    let fresh = SignIn {
        client: Some(cast.client()),
        form: form("/sign-in"),
        sign_up: Some("/sign-up".to_owned()),
        forgot_password: Some("/forgot-password".to_owned()),
        ..SignIn::default()
    };
    let wrong = SignIn {
        username: cast.text("lin.wei@example.com"),
        problem: Some(SignInProblem::WrongNameOrPassword),
        ..fresh.clone()
    };
    let throttled = SignIn { problem: Some(SignInProblem::TooManyAttempts(45)), ..wrong.clone() };
    let busy = SignIn { problem: Some(SignInProblem::Busy), client: None, ..wrong.clone() };
    let over = SignIn { problem: Some(SignInProblem::BeginAgain), ..fresh.clone() };
    let plain = SignIn { form: form(""), ..SignIn::default() };
    let again = Reauthenticate {
        client: Some(cast.client()),
        person: cast.person(),
        form: form("/sign-in"),
        other_account: Some(form("/sign-in/other")),
        forgot_password: Some("/forgot-password".to_owned()),
        ..Reauthenticate::default()
    };
    let again_wrong = Reauthenticate {
        client: None,
        problem: Some(SignInProblem::WrongNameOrPassword),
        ..again.clone()
    };
    let choose = ChooseAccount {
        client: Some(cast.client()),
        person: cast.person(),
        go_on: form("/authorize/continue"),
        other_account: form("/sign-in/other"),
    };
    vec![
        sample("sign-in", fresh),
        sample("sign-in-wrong", wrong),
        sample("sign-in-throttled", throttled),
        sample("sign-in-busy", busy),
        sample("sign-in-begin-again", over),
        sample("sign-in-plain", plain),
        sample("reauthenticate", again),
        sample("reauthenticate-wrong", again_wrong),
        sample("choose-account", choose),
    ]
}

fn sign_up(cast: &Cast<'_>) -> Vec<Sample> {
    let fresh = SignUp {
        client: Some(cast.client()),
        form: form("/sign-up"),
        sign_in: Some("/sign-in".to_owned()),
        ..SignUp::default()
    };
    let wrong = SignUp {
        email: cast.text("lin.wei"),
        problem: Some(SignUpProblem::InvalidEmail),
        ..fresh.clone()
    };
    let throttled = SignUp { problem: Some(SignUpProblem::TooManyAttempts(400)), ..wrong.clone() };
    let busy = SignUp { problem: Some(SignUpProblem::Busy), ..wrong.clone() };
    let sent = |purpose| MailSent {
        email: cast.text("lin.wei@example.com"),
        purpose,
        minutes: 30,
        again: "/sign-up".to_owned(),
    };
    let finish = FinishSignUp {
        client: Some(cast.client()),
        form: form("/sign-up/finish"),
        email: cast.text("lin.wei@example.com"),
        ..FinishSignUp::default()
    };
    let finish_wrong = FinishSignUp {
        name: cast.text("Lin Wei"),
        problem: Some(NewPasswordProblem::TooShort(8)),
        ..finish.clone()
    };
    vec![
        sample("sign-up", fresh),
        sample("sign-up-wrong", wrong),
        sample("sign-up-throttled", throttled),
        sample("sign-up-busy", busy),
        sample("mail-sent-sign-up", sent(MailPurpose::SignUp)),
        sample("mail-sent-reset", sent(MailPurpose::ResetPassword)),
        sample("finish-sign-up", finish),
        sample("finish-sign-up-wrong", finish_wrong),
    ]
}

fn passwords(cast: &Cast<'_>) -> Vec<Sample> {
    let forgot = ForgotPassword {
        form: form("/forgot-password"),
        sign_in: Some("/sign-in".to_owned()),
        ..ForgotPassword::default()
    };
    let reset = ResetPassword {
        form: form("/reset-password"),
        username: cast.text("lin.wei@example.com"),
        problem: None,
    };
    let problem = |problem| ResetPassword { problem: Some(problem), ..reset.clone() };
    vec![
        sample("reset-password-too-long", problem(NewPasswordProblem::TooLong)),
        sample("reset-password-unchanged", problem(NewPasswordProblem::Unchanged)),
        sample("reset-password-busy", problem(NewPasswordProblem::Busy)),
        sample("reset-password-throttled", problem(NewPasswordProblem::TooManyAttempts(3))),
        sample("forgot-password", forgot),
        sample("reset-password", reset),
        sample("password-changed", PasswordChanged { go_on: "/account".to_owned() }),
    ]
}

fn consent(cast: &Cast<'_>) -> Vec<Sample> {
    let scopes = ["openid", "profile", "email", "address", "phone", "account", "offline_access"];
    let mut scopes: Vec<String> = scopes.map(str::to_owned).into();
    scopes.push(cast.text("orders:write"));
    let full = Consent {
        client: cast.client(),
        leads_to: Some("tea.example".to_owned()),
        person: cast.person(),
        scopes,
        form: form("/consent"),
        other_account: Some(form("/sign-in/other")),
    };
    let small = Consent {
        client: ClientCard { name: cast.text("Notes"), ..ClientCard::default() },
        leads_to: None,
        scopes: vec!["openid".to_owned()],
        other_account: None,
        ..full.clone()
    };
    let post = FormPost {
        client_name: cast.text("Tea House"),
        to: url("https://tea.example/callback"),
        parameters: vec![("code".to_owned(), cast.text("SplxlOBeZQQYbYS6WxSbIA"))],
    };
    vec![sample("consent", full), sample("consent-small", small), sample("form-post", post)]
}

fn devices(cast: &Cast<'_>) -> Vec<Sample> {
    let enter = DeviceEnter { form: form("/device"), ..DeviceEnter::default() };
    let filled = DeviceEnter { user_code: cast.text("WDJB-MJHT"), ..enter.clone() };
    let problem = |problem| DeviceEnter { problem: Some(problem), ..filled.clone() };
    let confirm = DeviceConfirm {
        client: ClientCard { name: cast.text("Living Room TV"), ..cast.client() },
        person: cast.person(),
        user_code: cast.text("WDJB-MJHT"),
        scopes: vec!["profile".to_owned(), "offline_access".to_owned()],
        form: form("/device/confirm"),
        other_account: Some(form("/sign-in/other")),
    };
    let done = |verdict| DeviceDone { client_name: cast.text("Living Room TV"), verdict };
    vec![
        sample("device-wrong", problem(DeviceProblem::UnknownCode)),
        sample("device-throttled", problem(DeviceProblem::TooManyAttempts(1))),
        sample("device-busy", problem(DeviceProblem::Busy)),
        sample("device", enter),
        sample("device-filled", filled),
        sample("device-confirm", confirm),
        sample("device-allowed", done(DeviceVerdict::Allowed)),
        sample("device-denied", done(DeviceVerdict::Denied)),
    ]
}

fn sign_out(cast: &Cast<'_>) -> Vec<Sample> {
    let confirm = ConfirmSignOut {
        person: cast.person(),
        client: Some(cast.client()),
        form: form("/logout"),
    };
    let plain = ConfirmSignOut { client: None, ..confirm.clone() };
    let out = SignedOut {
        person: Some(cast.person()),
        apps: 3,
        back_to: Some((cast.client(), url("https://tea.example/"))),
        sign_in: Some("/account".to_owned()),
        frames: vec![url("https://tea.example/logout?sid=1&iss=2")],
        ..SignedOut::default()
    };
    let everywhere = SignedOut { extent: Extent::Everywhere, frames: Vec::new(), ..out.clone() };
    let nobody = SignedOut::default();
    let mut samples = vec![
        sample("confirm-sign-out", confirm),
        sample("confirm-sign-out-plain", plain),
        sample("signed-out", out),
        sample("signed-out-everywhere", everywhere),
        sample("signed-out-nobody", nobody),
    ];
    for reason in Reason::ALL {
        let view = SignedOut { reason: Some(*reason), ..SignedOut::default() };
        let name = if *reason == Reason::RefreshTokenReuse { "signed-out-reason" } else { "" };
        samples.push(sample(name, view));
    }
    samples
}

fn account(cast: &Cast<'_>) -> Vec<Sample> {
    let home = AccountHome {
        person: cast.person(),
        email: Some(cast.text("lin.wei@example.com")),
        devices: device_rows(cast),
        sign_out_elsewhere: form("/account/sign-out-elsewhere"),
        apps: vec![
            app_row(cast, "Tea House", &["openid", "profile", "offline_access"]),
            app_row(cast, "Notes", &["openid"]),
        ],
        one_time_passwords: codes::card(None),
        change_password: form("/account/password"),
        sign_out: form("/logout"),
        ..AccountHome::default()
    };
    let bare = AccountHome {
        person: Person { name: None, username: cast.text("robot") },
        email: None,
        devices: device_rows(cast).into_iter().take(1).collect(),
        apps: Vec::new(),
        password_problem: Some(NewPasswordProblem::CurrentIsWrong),
        ..home.clone()
    };
    let mut samples = vec![sample("account", home), sample("account-bare", bare.clone())];
    for one_time_passwords in codes::cards() {
        let view = AccountHome { one_time_passwords, password_problem: None, ..bare.clone() };
        samples.push(sample("account-codes", view));
    }
    for notice in [
        AccountNotice::DeviceSignedOut,
        AccountNotice::SignedOutElsewhere,
        AccountNotice::AccessWithdrawn,
        AccountNotice::PasswordChanged,
        AccountNotice::OneTimePasswordsOff,
    ] {
        let name = if notice == AccountNotice::PasswordChanged { "account-notice" } else { "" };
        let view = AccountHome { notice: Some(notice), password_problem: None, ..bare.clone() };
        samples.push(sample(name, view));
    }
    samples
}

fn device_rows(cast: &Cast<'_>) -> Vec<DeviceRow> {
    let minutes = [0, 1, 12, 60, 7 * 60, 26 * 60, 3 * 24 * 60, 40 * 24 * 60];
    let names = ["Firefox on Debian", "Lin's phone", "Chrome on Windows"];
    let row = |(index, minutes): (usize, u64)| DeviceRow {
        name: names.get(index).map(|name| cast.text(name)),
        platform: (index == 1).then(|| cast.text("Android 16")),
        address: (index != 2).then(|| cast.text("203.0.113.7")),
        last_seen_at: NOW - std::time::Duration::from_mins(minutes),
        created_at: NOW - std::time::Duration::from_mins(minutes + 60 * 24 * 30),
        current: index == 0,
        sign_out: form("/account/sessions/end").carrying("id", index.to_string()),
    };
    minutes.into_iter().enumerate().map(row).collect()
}

fn app_row(cast: &Cast<'_>, name: &str, scopes: &[&str]) -> AppRow {
    AppRow {
        client: ClientCard { name: cast.text(name), ..ClientCard::default() },
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        since: NOW - std::time::Duration::from_hours(24 * 60),
        withdraw: form("/account/apps/withdraw"),
    }
}

fn errors(cast: &Cast<'_>) -> Vec<Sample> {
    let error = |mishap| ErrorPage {
        mishap,
        phrase: cast.text("invalid redirect_uri"),
        id: "7Q2M-4KXN".to_owned(),
        again: Some("/account".to_owned()),
    };
    vec![
        sample("error", ErrorPage { again: None, ..error(Mishap::AppMistake) }),
        sample("error-page-expired", error(Mishap::PageExpired)),
        sample("error-link-expired", error(Mishap::LinkExpired)),
        sample("error-foreign-form", error(Mishap::ForeignForm)),
        sample("error-not-found", error(Mishap::NotFound)),
        sample("error-not-allowed", error(Mishap::NotAllowed)),
        sample("error-wait", error(Mishap::TooManyAttempts(600))),
        sample("error-unavailable", error(Mishap::Unavailable)),
        sample("error-internal", error(Mishap::Internal)),
    ]
}
