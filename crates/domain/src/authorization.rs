//! What an authorization request leads to, given who is signed in and what they have allowed: the
//! table of OpenID Connect Core 1.0 section 3.1.2, as a pure function.

use std::time::Duration;

use menshen_token::Timestamp;

use crate::Session;
use crate::prompt_mark::{AccountChosen, PromptMark};
use crate::session::Acr;

/// `prompt` (OpenID Connect Core 1.0 section 3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a value of its own in `prompt`")]
pub struct Prompt {
    /// Nothing may be shown.
    pub none: bool,
    /// The user must prove again who they are.
    pub login: bool,
    /// The user must be asked again.
    pub consent: bool,
    /// The user must be asked which account.
    pub select_account: bool,
}

impl Prompt {
    /// Reads the parameter; `None` when `none` stands beside another value. Values that we do not
    /// know ask for nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let has = |value| text.split(' ').any(|word| word == value);
        let alone = text.split(' ').filter(|word| !word.is_empty()).count() == 1;
        if has("none") && !alone {
            return None;
        }
        Some(Self {
            none: has("none"),
            login: has("login"),
            consent: has("consent"),
            select_account: has("select_account"),
        })
    }
}

/// What a request asks of the sign-in.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `prompt`.
    pub prompt: Prompt,
    /// `max_age`: how old the sign-in may be.
    pub max_age: Option<Duration>,
    /// `acr_values`, or the claim: the least that the sign-in must be worth.
    pub acr: Acr,
    /// Where the request stands, when it comes back from a page of ours.
    pub mark: Option<PromptMark>,
    /// Whether whoever is signed in is whom `id_token_hint` or the claim `sub` names.
    pub subject: SubjectFits,
    /// Whether everything that it asks for has been allowed, or needs no asking.
    pub consent: ConsentGiven,
}

/// Whether the user is the one that the request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectFits {
    /// It wants nobody in particular, or this very one.
    Yes,
    /// It wants somebody else.
    No,
}

/// Whether what a request asks for has been allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentGiven {
    /// The app is ours: nobody is asked.
    NotNeeded,
    /// All of it.
    Yes,
    /// Not all of it.
    No,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Somebody has to sign in.
    SignIn,
    /// The one who is signed in has to prove it again.
    SignInAgain,
    /// The one who is signed in has to give a one-time password as well (RFC 9470).
    StepUp,
    /// Somebody has to say which account.
    ChooseAccount,
    /// The user has to allow it.
    AskConsent,
    /// A code.
    Answer,
    /// Nothing may be shown, and without that nothing can be given.
    Refuse(Missing),
}

/// What is missing while nothing may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A sign-in, or a fresh one, or that of another user.
    SignIn,
    /// What the user would have to allow.
    Consent,
}

/// What a request leads to; `session` is the live one that the browser holds.
pub fn judge(asked: &Asked, session: Option<&Session>, now: Timestamp) -> Next {
    let Some(session) = session else {
        return if asked.prompt.none { Next::Refuse(Missing::SignIn) } else { Next::SignIn };
    };
    let made_for_it = asked.mark.is_some_and(|mark| session.authentication.time >= mark.begun_at);
    let fresh = made_for_it || is_fresh(asked, session, now);
    let fits = asked.subject == SubjectFits::Yes;
    let worth_it = session.authentication.reaches(asked.acr);
    if asked.prompt.none {
        return match (fresh && fits && worth_it, asked.consent) {
            (false, _) => Next::Refuse(Missing::SignIn),
            (true, ConsentGiven::No) => Next::Refuse(Missing::Consent),
            (true, _) => Next::Answer,
        };
    }
    let chosen = asked.mark.is_some_and(|mark| mark.account_chosen == AccountChosen::Yes);
    if asked.prompt.select_account && !made_for_it && !chosen {
        return Next::ChooseAccount;
    }
    if !fits {
        // Whoever has signed in for it is somebody else, and would be again.
        return if made_for_it { Next::Refuse(Missing::SignIn) } else { Next::SignIn };
    }
    if !fresh {
        return Next::SignInAgain;
    }
    if !worth_it {
        return Next::StepUp;
    }
    match asked.consent {
        ConsentGiven::No => Next::AskConsent,
        ConsentGiven::Yes if asked.prompt.consent => Next::AskConsent,
        ConsentGiven::Yes | ConsentGiven::NotNeeded => Next::Answer,
    }
}

/// Whether the sign-in is as recent as the request wants, when it was not made for this very one.
fn is_fresh(asked: &Asked, session: &Session, now: Timestamp) -> bool {
    let signed_in_at = session.authentication.time;
    let recent = asked.max_age.is_none_or(|max_age| now.since(signed_in_at) <= max_age);
    recent && !asked.prompt.login
}

#[cfg(test)]
mod tests {
    use menshen_token::SessionId;

    use super::*;
    use crate::session::{Authentication, Device};

    const NOW: Timestamp = Timestamp::from_seconds(10_000);

    fn session(seconds_ago: u64) -> Session {
        let at = NOW - Duration::from_secs(seconds_ago);
        Session {
            id: SessionId::from_bytes([1; 16]),
            user_id: "ada".parse().expect("valid"),
            client_id: None,
            device: Device::default(),
            authentication: Authentication::by_password(at),
            created_at: at,
            last_seen_at: at,
            idle_lifetime: None,
            absolute_expires_at: NOW + Duration::from_hours(1),
            ended: None,
        }
    }

    fn asked(prompt: &str) -> Asked {
        Asked {
            prompt: Prompt::parse(prompt).expect("valid"),
            max_age: None,
            acr: Acr::Password,
            mark: None,
            subject: SubjectFits::Yes,
            consent: ConsentGiven::Yes,
        }
    }

    fn begun(seconds_ago: u64, account_chosen: AccountChosen) -> PromptMark {
        PromptMark { begun_at: NOW - Duration::from_secs(seconds_ago), account_chosen }
    }

    #[test]
    fn nobody_signed_in_signs_in_or_is_refused() {
        assert_eq!(judge(&asked(""), None, NOW), Next::SignIn);
        assert_eq!(judge(&asked("none"), None, NOW), Next::Refuse(Missing::SignIn));
    }

    #[test]
    fn whoever_is_signed_in_goes_on() {
        assert_eq!(judge(&asked(""), Some(&session(500)), NOW), Next::Answer);
        assert_eq!(judge(&asked("none"), Some(&session(500)), NOW), Next::Answer);
    }

    #[test]
    fn a_fresh_sign_in_is_asked_for_once() {
        let login = asked("login");
        assert_eq!(judge(&login, Some(&session(500)), NOW), Next::SignInAgain);
        let mark = Some(begun(100, AccountChosen::No));
        let back = Asked { mark, ..login };
        assert_eq!(judge(&back, Some(&session(500)), NOW), Next::SignInAgain);
        assert_eq!(judge(&back, Some(&session(99)), NOW), Next::Answer);
    }

    #[test]
    fn a_sign_in_may_be_too_old_but_not_the_one_made_for_the_request() {
        let young = Asked { max_age: Some(Duration::from_mins(1)), ..asked("") };
        assert_eq!(judge(&young, Some(&session(60)), NOW), Next::Answer);
        assert_eq!(judge(&young, Some(&session(61)), NOW), Next::SignInAgain);
        let at_once = Asked { max_age: Some(Duration::ZERO), ..asked("") };
        assert_eq!(judge(&at_once, Some(&session(1)), NOW), Next::SignInAgain);
        let back = Asked { mark: Some(begun(5, AccountChosen::No)), ..at_once };
        assert_eq!(judge(&back, Some(&session(1)), NOW), Next::Answer);
        let silent = Asked { max_age: Some(Duration::from_mins(1)), ..asked("none") };
        assert_eq!(judge(&silent, Some(&session(61)), NOW), Next::Refuse(Missing::SignIn));
    }

    #[test]
    fn a_password_is_not_enough_when_more_is_asked_for() {
        let more = Asked { acr: Acr::Mfa, ..asked("") };
        assert_eq!(judge(&more, None, NOW), Next::SignIn);
        assert_eq!(judge(&more, Some(&session(5)), NOW), Next::StepUp);
        let silent = Asked { acr: Acr::Mfa, ..asked("none") };
        assert_eq!(judge(&silent, Some(&session(5)), NOW), Next::Refuse(Missing::SignIn));
        let old = Asked { max_age: Some(Duration::from_mins(1)), ..more.clone() };
        assert_eq!(judge(&old, Some(&session(61)), NOW), Next::SignInAgain);
        let mut raised = session(5);
        raised.authentication = Authentication::by_password_and_code(raised.authentication.time);
        assert_eq!(judge(&more, Some(&raised), NOW), Next::Answer);
        assert_eq!(judge(&silent, Some(&raised), NOW), Next::Answer);
        assert_eq!(judge(&asked(""), Some(&raised), NOW), Next::Answer, "more than is asked for");
        let new = Asked { consent: ConsentGiven::No, ..more };
        assert_eq!(judge(&new, Some(&session(5)), NOW), Next::StepUp, "before anything is allowed");
    }

    #[test]
    fn the_account_is_chosen_once() {
        let choose = asked("select_account");
        assert_eq!(judge(&choose, Some(&session(500)), NOW), Next::ChooseAccount);
        let chosen = Asked { mark: Some(begun(100, AccountChosen::Yes)), ..choose.clone() };
        assert_eq!(judge(&chosen, Some(&session(500)), NOW), Next::Answer);
        let signed_in = Asked { mark: Some(begun(100, AccountChosen::No)), ..choose };
        assert_eq!(judge(&signed_in, Some(&session(50)), NOW), Next::Answer);
    }

    #[test]
    fn somebody_else_is_not_let_in_for_the_one_who_is_wanted() {
        let other = Asked { subject: SubjectFits::No, ..asked("") };
        assert_eq!(judge(&other, Some(&session(5)), NOW), Next::SignIn);
        let silent = Asked { subject: SubjectFits::No, ..asked("none") };
        assert_eq!(judge(&silent, Some(&session(5)), NOW), Next::Refuse(Missing::SignIn));
        let back = Asked { mark: Some(begun(5, AccountChosen::No)), ..other };
        assert_eq!(judge(&back, Some(&session(9)), NOW), Next::SignIn);
        assert_eq!(judge(&back, Some(&session(1)), NOW), Next::Refuse(Missing::SignIn));
    }

    #[test]
    fn consent_is_asked_for_when_it_is_missing_or_wanted_again() {
        let new = Asked { consent: ConsentGiven::No, ..asked("") };
        assert_eq!(judge(&new, Some(&session(5)), NOW), Next::AskConsent);
        let silent = Asked { consent: ConsentGiven::No, ..asked("none") };
        assert_eq!(judge(&silent, Some(&session(5)), NOW), Next::Refuse(Missing::Consent));
        assert_eq!(judge(&asked("consent"), Some(&session(5)), NOW), Next::AskConsent);
        let ours = Asked { consent: ConsentGiven::NotNeeded, ..asked("consent") };
        assert_eq!(judge(&ours, Some(&session(5)), NOW), Next::Answer);
    }

    #[test]
    fn none_stands_alone() {
        assert_eq!(Prompt::parse("none login"), None);
        assert!(Prompt::parse("none").is_some_and(|prompt| prompt.none));
        assert_eq!(Prompt::parse("create"), Some(Prompt::default()));
    }
}
