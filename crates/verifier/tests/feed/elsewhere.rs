//! Rules that are kept elsewhere, asked for token by token by a verifier that follows no feed.

use std::time::Duration;

use menshen_verifier::token::{AccessToken, Clock, Revocation};
use menshen_verifier::{Found, Policy, Presented, Readiness, Rejection, Revocations};

use super::peer::{MAX_STALENESS, Peer, until};

/// What is found about every token.
struct Kept(Found);

impl Kept {
    fn known(rules: Vec<Revocation>, age: Duration) -> Self {
        Self(Found { rules, age: Some(age) })
    }

    fn unknown(rules: Vec<Revocation>) -> Self {
        Self(Found { rules, age: None })
    }
}

impl Revocations for Kept {
    async fn naming(&self, _: &AccessToken) -> Found {
        self.0.clone()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn rules_that_are_kept_elsewhere_kill_and_their_age_is_what_they_are_worth() {
    let peer = Peer::start().await;
    let verifier = peer.builder().without_feed().start().expect("it can start");
    assert_eq!(verifier.readiness(), Readiness::NoSnapshot);
    verifier.note_age(None);
    assert_eq!(verifier.readiness(), Readiness::NoSnapshot);
    verifier.note_age(Some(Duration::ZERO));
    until(|| verifier.readiness().is_ready()).await;
    let claims = peer.tokens.claims("ada");
    let token = peer.tokens.sign(&claims);
    let bearer = Presented::bearer(&token);
    let judge = async |policy, kept: Kept| verifier.admit_by(bearer, policy, &kept).await.map(drop);

    // It holds no rules itself, whatever it heard of their age.
    assert_eq!(verifier.verify(&token).expect_err("no rules"), Rejection::Stale);

    let user = claims.subject.clone();
    let before = Revocation::UserBefore(user.clone(), claims.issued_at);
    let after = Revocation::UserBefore(user, peer.clock.now() + SECOND);
    for policy in [Policy::Refuse, Policy::AllowFor(SECOND), Policy::Introspect] {
        assert_eq!(judge(policy, Kept::known(vec![before.clone()], SECOND)).await, Ok(()));
        let dead = Err(Rejection::Revoked);
        assert_eq!(judge(policy, Kept::known(vec![after.clone()], SECOND)).await, dead);
        // What is there is true, however old.
        let jti = Revocation::Token(claims.jti);
        assert_eq!(judge(policy, Kept::unknown(vec![jti])).await, dead);
    }
    assert_eq!(peer.asked("/introspect"), 0);

    let stale = Err(Rejection::Stale);
    let old = || Kept::known(Vec::new(), MAX_STALENESS + SECOND);
    assert_eq!(judge(Policy::Refuse, old()).await, stale);
    assert_eq!(judge(Policy::AllowFor(SECOND), old()).await, Ok(()));
    for policy in [Policy::Refuse, Policy::AllowFor(Duration::MAX)] {
        assert_eq!(judge(policy, Kept::unknown(Vec::new())).await, stale, "never known");
    }
    for (answer, outcome) in [(true, Ok(())), (false, Err(Rejection::Revoked))] {
        peer.script().introspection = Ok(answer);
        assert_eq!(judge(Policy::Introspect, Kept::unknown(Vec::new())).await, outcome);
    }
    assert_eq!(peer.asked("/introspect"), 2);
    assert_eq!(peer.asked("/feed"), 0);
}
