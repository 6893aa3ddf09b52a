//! `sector_identifier_uri`: a document that lists every redirect URI of a sector (OpenID Connect
//! Dynamic Client Registration 1.0 section 5).

use axum::http::StatusCode;
use menshen_domain::client::ClientMetadata;
use url::Url;

use crate::app::App;
use crate::error::OAuthError;

/// Sees to it that whoever owns the document has agreed to this client.
pub(super) async fn check(app: &App, metadata: &ClientMetadata) -> Result<(), OAuthError> {
    let Some(uri) = &metadata.sector_identifier_uri else { return Ok(()) };
    let refused = |sentence: &str| OAuthError::InvalidClientMetadata(sentence.to_owned());
    let url = Url::parse(uri).map_err(|_| refused("`sector_identifier_uri` is no address"))?;
    let answer = app.outbound.get(&url, "application/json").await.map_err(|cause| {
        tracing::info!(url.host = url.host_str(), ?cause, "cannot fetch the document of a sector");
        refused("the document at `sector_identifier_uri` cannot be fetched")
    })?;
    let document = (answer.status == StatusCode::OK).then_some(answer.body);
    judge(&document.unwrap_or_default(), &metadata.redirect_uris).map_err(refused)
}

fn judge(document: &[u8], redirect_uris: &[String]) -> Result<(), &'static str> {
    let listed: Vec<String> = serde_json::from_slice(document)
        .map_err(|_| "the document at `sector_identifier_uri` is no list of addresses")?;
    if redirect_uris.iter().all(|uri| listed.contains(uri)) {
        Ok(())
    } else {
        Err("the document at `sector_identifier_uri` lacks one of `redirect_uris`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sector_lists_every_address_letter_by_letter() {
        let uris = ["https://a.example/1".to_owned(), "https://b.example/2".to_owned()];
        let all = br#"["https://c.example/", "https://b.example/2", "https://a.example/1"]"#;
        assert_eq!(judge(all, &uris), Ok(()));
        let documents: [&[u8]; 4] =
            [b"", b"{}", br#"["https://a.example/1"]"#, br#"["https://a.example/1", 2]"#];
        for document in documents {
            assert!(judge(document, &uris).is_err());
        }
    }
}
