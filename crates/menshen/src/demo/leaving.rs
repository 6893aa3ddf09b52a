//! The second half: signing out, and trying everything that Ada's phone ever held.

use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menshen_token::{Clock, Timestamp};
use serde_json::Value;

use super::cast::Cast;
use super::device::{Device, random_text};
use super::narrator::{Narrator, brief, remaining, took};
use super::probe::{Findings, Probe};

/// How long a session may lie unused, by default.
const IDLE: Duration = Duration::from_hours(7 * 24);

/// Tells it, and uses the phone up.
pub(super) async fn tell(narrator: &mut Narrator, cast: &Cast, phone: Device) -> Result<()> {
    log_out(narrator, cast, &phone).await?;
    replay(narrator, cast, &phone).await?;
    again(narrator, &phone).await
}

async fn log_out(narrator: &mut Narrator, cast: &Cast, phone: &Device) -> Result<()> {
    narrator.chapter("Ada signs out").await;
    let (clock, token) = (cast.clock.clone(), phone.access_token.clone());
    let probe = Probe::start(clock, cast.orders.clone(), token).await?;
    narrator.say("Meanwhile somebody calls the API with her token, as fast as they can.");
    narrator.asks("POST /account/logout", "refresh token, Prefer: wait=5");
    let asked_at = cast.clock.monotonic();
    let answer = phone.log_out().await?;
    let answered_at = cast.clock.monotonic();
    narrator.answers(answer.status, &receipt(&answer.body));
    let findings = probe.findings().await?;
    measured(narrator, &findings, asked_at, answered_at);

    let informed = answer.body.pointer("/verifiers/acknowledged").and_then(Value::as_u64);
    narrator.check(
        answer.status == 200 && informed == Some(1),
        "The receipt says that the one connected API knows.",
    );
    Ok(())
}

/// What a logout ended, and who knows.
fn receipt(body: &Value) -> String {
    let number = |path: &str| body.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    format!(
        "ended {} session and {} grant, at position {} in the log\nAPIs connected: {}, informed: {}",
        number("/ended/sessions"),
        number("/ended/grants"),
        number("/position"),
        number("/verifiers/connected"),
        number("/verifiers/acknowledged"),
    )
}

fn measured(
    narrator: &mut Narrator,
    findings: &Findings,
    asked_at: Duration,
    answered_at: Duration,
) {
    let refusal = findings.first_refusal();
    narrator.say(&format!(
        "Measured: {} calls were let in; the first was refused {} after she asked to sign out. \
         The answer to her took {}.",
        findings.accepted(),
        took(refusal.saturating_sub(asked_at)),
        took(answered_at.saturating_sub(asked_at)),
    ));
    let late = findings.accepted_after(answered_at);
    let sentence = if late == 0 {
        let before = answered_at.saturating_sub(findings.last_accepted());
        format!(
            "When the answer arrived, the API was refusing already; the last call that it let in \
             had been sent {} earlier.",
            took(before)
        )
    } else {
        format!("{late} calls were let in that were sent after the answer had arrived.")
    };
    narrator.check(late == 0 && !findings.wavered(), &sentence);
}

async fn replay(narrator: &mut Narrator, cast: &Cast, phone: &Device) -> Result<()> {
    narrator.chapter("Everything that her phone ever held is tried").await;
    let left = lifetime_left(&phone.access_token, cast.clock.as_ref())?;
    narrator.say(&format!(
        "None of it has expired: the access token would have lived another {}, the refresh token \
         another {} and longer with each use.",
        remaining(left),
        remaining(IDLE.saturating_sub(Duration::from_secs(1))),
    ));
    narrator.asks("GET /orders", &format!("access token {}", brief(&phone.access_token)));
    let answer = cast.call_api(&phone.access_token).await?;
    narrator.answers(answer.status, "at the API");
    narrator.check(answer.status == 401 && !left.is_zero(), "The access token is dead.");

    for (generation, token) in phone.refresh_tokens.iter().enumerate() {
        let which = format!("refresh token {} (generation {generation})", brief(token));
        narrator.asks("POST /token", &which);
        let answer = phone.present(token, &random_text()).await?;
        narrator.answers(answer.status, &answer.refusal());
        let refused = answer.text("error") == "invalid_grant" && answer.text("reason") == "logout";
        narrator.check(answer.status == 400 && refused, "Refused, with the reason.");
    }

    let answer = cast.introspect(&phone.access_token).await?;
    narrator.asks("POST /introspect", "the access token, asked by the API");
    narrator.answers(answer.status, &answer.body.to_string());
    let inactive = answer.body.get("active") == Some(&Value::Bool(false));
    narrator.check(answer.status == 200 && inactive, "The server says so too.");
    let answer = phone.userinfo().await?;
    narrator.check(answer.status == 401, "And tells nothing about her to whoever holds it.");
    Ok(())
}

async fn again(narrator: &mut Narrator, phone: &Device) -> Result<()> {
    let answer = phone.log_out().await?;
    narrator.check(answer.status == 200, "Signing out once more is a success, not an error.");
    Ok(())
}

/// What the token itself says: `exp`, against our clock.
fn lifetime_left(access_token: &str, clock: &dyn Clock) -> Result<Duration> {
    let payload = access_token.split('.').nth(1).context("no access token")?;
    let payload = URL_SAFE_NO_PAD.decode(payload).context("no access token")?;
    let claims: Value = serde_json::from_slice(&payload).context("no access token")?;
    let expires_at = claims.get("exp").and_then(Value::as_i64).context("no `exp`")?;
    Ok(Timestamp::from_seconds(expires_at).since(clock.now()))
}
