//! The last chapter: a thief copies a refresh token, and it costs him what he stole.

use anyhow::Result;

use super::cast::Cast;
use super::device::{Device, random_text};
use super::narrator::{Narrator, brief, took};
use super::probe::Probe;
use super::staying::tokens;

/// Tells it.
pub(super) async fn tell(narrator: &mut Narrator, cast: &Cast) -> Result<()> {
    let mut phone = Device::new(&cast.issuer, "Ada's phone")?;
    let mut laptop = Device::new(&cast.issuer, "Ada's laptop")?;
    let mut thief = Device::new(&cast.issuer, "a stranger's computer")?;
    steal(narrator, cast, &mut phone, &mut laptop, &mut thief).await?;
    be_caught(narrator, cast, &phone, &thief).await?;
    spare_the_laptop(narrator, cast, &mut laptop).await
}

async fn steal(
    narrator: &mut Narrator,
    cast: &Cast,
    phone: &mut Device,
    laptop: &mut Device,
    thief: &mut Device,
) -> Result<()> {
    narrator.chapter("A thief").await;
    phone.sign_in().await?;
    laptop.sign_in().await?;
    narrator.say("Ada signs in again, on her phone and on her laptop.");
    narrator.say("A thief copies the refresh token out of her phone, and uses it first.");
    narrator.asks("POST /token", &format!("refresh token {}", brief(phone.refresh_token())));
    let answer = thief.present(phone.refresh_token(), &random_text()).await?;
    narrator.answers(answer.status, &tokens(&answer));
    thief.keep(&answer)?;
    let called = cast.call_api(&thief.access_token).await?;
    narrator.check(called.status == 200, "He is in: nobody could tell him from her yet.");
    Ok(())
}

async fn be_caught(
    narrator: &mut Narrator,
    cast: &Cast,
    phone: &Device,
    thief: &Device,
) -> Result<()> {
    let (clock, token) = (cast.clock.clone(), thief.access_token.clone());
    let probe = Probe::start(clock, cast.orders.clone(), token).await?;
    narrator.say("Then Ada's phone refreshes, with the token that he has used up.");
    narrator.asks("POST /token", &format!("refresh token {}", brief(phone.refresh_token())));
    let asked_at = cast.clock.monotonic();
    let answer = phone.present(phone.refresh_token(), &random_text()).await?;
    narrator.answers(answer.status, &answer.refusal());
    let caught = answer.text("error") == "invalid_grant";
    let told = answer.text("reason") == "refresh_token_reuse";
    narrator.check(caught && told, "One token, two holders: the session ends, and says why.");

    let findings = probe.findings().await?;
    let after = took(findings.first_refusal().saturating_sub(asked_at));
    let sentence = format!("The API refused the thief {after} after her phone had asked.");
    narrator.check(!findings.wavered(), &sentence);
    let answer = thief.present(thief.refresh_token(), &random_text()).await?;
    narrator.asks("POST /token", "the thief's own refresh token");
    narrator.answers(answer.status, &answer.refusal());
    narrator.check(answer.text("error") == "invalid_grant", "What he got for it is dead as well.");
    Ok(())
}

async fn spare_the_laptop(narrator: &mut Narrator, cast: &Cast, laptop: &mut Device) -> Result<()> {
    let called = cast.call_api(&laptop.access_token).await?;
    let refreshed = laptop.refresh(&random_text()).await?;
    narrator.check(
        called.status == 200 && refreshed.status == 200,
        "Her laptop noticed nothing: it still calls, and refreshes.",
    );
    Ok(())
}
