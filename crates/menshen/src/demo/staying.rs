//! The first half: signing in, staying signed in, and losing an answer on the way.

use std::time::Duration;

use anyhow::Result;

use super::cast::{Cast, USER};
use super::device::{Device, random_text, refresh_form};
use super::lost_answer;
use super::narrator::{Narrator, brief, remaining};
use super::wire::Answer;

/// Tells it; the phone that comes out of it is signed in.
pub(super) async fn tell(narrator: &mut Narrator, cast: &Cast) -> Result<Device> {
    let mut phone = Device::new(&cast.issuer, "Ada's phone")?;
    sign_in(narrator, &mut phone).await?;
    call(narrator, cast, &phone).await?;
    refresh(narrator, cast, &mut phone).await?;
    lose_an_answer(narrator, cast, &mut phone).await?;
    Ok(phone)
}

async fn sign_in(narrator: &mut Narrator, phone: &mut Device) -> Result<()> {
    narrator.chapter("Ada signs in on her phone").await;
    narrator
        .asks("POST /authorize-challenge", &format!("user name {USER}, password, PKCE challenge"));
    let answer = phone.challenge().await?;
    let code = answer.need("authorization_code")?;
    narrator.answers(answer.status, &format!("authorization_code {}", brief(&code)));

    narrator.asks("POST /token", "the code, and the PKCE verifier behind the challenge");
    let answer = phone.redeem(&code).await?;
    narrator.answers(answer.status, &tokens(&answer));
    narrator.check(answer.status == 200, "She is signed in.");
    Ok(())
}

/// The tokens of an answer, by their ends.
pub(super) fn tokens(answer: &Answer) -> String {
    let lives = answer.body.get("expires_in").and_then(serde_json::Value::as_u64).unwrap_or(0);
    format!(
        "access_token {}, lives {}\nrefresh_token {}",
        brief(answer.text("access_token")),
        remaining(Duration::from_secs(lives)),
        brief(answer.text("refresh_token")),
    )
}

async fn call(narrator: &mut Narrator, cast: &Cast, phone: &Device) -> Result<()> {
    narrator.chapter("The app calls the API").await;
    narrator.asks("GET /orders", &format!("access token {}", brief(&phone.access_token)));
    let answer = cast.call_api(&phone.access_token).await?;
    narrator.answers(answer.status, &answer.body.to_string());
    narrator.check(answer.status == 200, "Checked inside the API, without a call to the server.");
    Ok(())
}

async fn refresh(narrator: &mut Narrator, cast: &Cast, phone: &mut Device) -> Result<()> {
    narrator.chapter("The app refreshes").await;
    let before = phone.refresh_token().to_owned();
    let refreshing = format!("refresh token {}, and a key for retries", brief(&before));
    narrator.asks("POST /token", &refreshing);
    let answer = phone.refresh(&random_text()).await?;
    narrator.answers(answer.status, &tokens(&answer));
    narrator
        .check(phone.refresh_token() != before, "A new refresh token took the old one's place.");
    let called = cast.call_api(&phone.access_token).await?;
    narrator.check(called.status == 200, "The API takes the new access token.");
    Ok(())
}

async fn lose_an_answer(narrator: &mut Narrator, cast: &Cast, phone: &mut Device) -> Result<()> {
    narrator.chapter("An answer is lost").await;
    let (before, retry_key) = (phone.refresh_token().to_owned(), random_text());
    let refreshing = format!("refresh token {}, key {}", brief(&before), brief(&retry_key));
    narrator.asks("POST /token", &refreshing);
    let url = format!("{}/token", cast.issuer);
    let lost = lost_answer::post(&url, &retry_key, &refresh_form(&before)).await?;
    narrator.say("The server has answered, and the connection broke before the app read it.");

    narrator.asks("POST /token", "the app tries again: the same token, the same key");
    let again = phone.refresh(&retry_key).await?;
    narrator.answers(again.status, &tokens(&again));
    narrator.check(
        lost.contains(&again.need("refresh_token")?),
        "It gets the very token that was in the lost answer. Nobody is signed out.",
    );
    let called = cast.call_api(&phone.access_token).await?;
    narrator.check(called.status == 200, "The API takes the new access token.");
    Ok(())
}
