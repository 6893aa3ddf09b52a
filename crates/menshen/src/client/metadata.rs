//! What a client says about itself, as flags of `menshen client add` and `change`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use menshen_domain::client::{AuthMethod, ClientMetadata, SubjectType};
use menshen_token::Algorithm;

use super::json_file;
use super::policy::set_list;

/// What a client says about itself. What is not given stays as it is.
#[derive(Debug, Args)]
#[command(next_help_heading = "What it says about itself (RFC 7591)")]
pub(super) struct MetadataFlags {
    /// Where users come back to after they have signed in; may be given again
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// Where users may be sent after they have signed out; may be given again
    #[arg(long, value_name = "URI")]
    post_logout_redirect_uri: Vec<String>,
    /// Where it is told that a session has ended, from server to server
    #[arg(long, value_name = "URI")]
    backchannel_logout_uri: Option<String>,
    /// What the browser loads when a session has ended
    #[arg(long, value_name = "URI")]
    frontchannel_logout_uri: Option<String>,
    /// How it authenticates [default: by its secret, sent in either way]
    #[arg(long, value_name = "METHOD", value_parser = auth_method)]
    auth_method: Option<AuthMethod>,
    /// Where its public keys are
    #[arg(long, value_name = "URI", conflicts_with = "jwks_file")]
    jwks_uri: Option<String>,
    /// Its public keys, a JWK set
    #[arg(long, value_name = "FILE")]
    jwks_file: Option<PathBuf>,
    /// What it may ask for at the token endpoint, if not all that fits; may be given again
    #[arg(long, value_name = "TYPE", value_parser = grant_type)]
    grant_type: Vec<String>,
    /// What it may ask for at the authorization endpoint; may be given again [default: code]
    #[arg(long, value_name = "TYPE")]
    response_type: Vec<String>,
    /// Whether it knows users by the name that all know, or by one of its own [default: public]
    #[arg(long, value_name = "TYPE")]
    subject_type: Option<SubjectFlag>,
    /// What its ID tokens are signed with [default: RS256]
    #[arg(long, value_name = "NAME")]
    id_token_alg: Option<Algorithm>,
    /// All of this and more, as JSON by the names of RFC 7591; flags win over it
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SubjectFlag {
    Public,
    Pairwise,
}

impl MetadataFlags {
    /// The metadata that they make of others.
    pub(super) fn applied_to(&self, before: &ClientMetadata) -> Result<ClientMetadata> {
        let mut metadata = match &self.metadata {
            Some(file) => json_file(file).context("failed to read the metadata")?,
            None => before.clone(),
        };
        set_list(&mut metadata.redirect_uris, &self.redirect_uri);
        set_list(&mut metadata.post_logout_redirect_uris, &self.post_logout_redirect_uri);
        set_list(&mut metadata.grant_types, &self.grant_type);
        set_list(&mut metadata.response_types, &self.response_type);
        for (field, given) in [
            (&mut metadata.backchannel_logout_uri, &self.backchannel_logout_uri),
            (&mut metadata.frontchannel_logout_uri, &self.frontchannel_logout_uri),
        ] {
            set_some(field, given.clone());
        }
        set_some(&mut metadata.token_endpoint_auth_method, self.auth_method);
        set_some(&mut metadata.id_token_signed_response_alg, self.id_token_alg);
        let subject_type = |flag| match flag {
            SubjectFlag::Public => SubjectType::Public,
            SubjectFlag::Pairwise => SubjectType::Pairwise,
        };
        set_some(&mut metadata.subject_type, self.subject_type.map(subject_type));
        if let Some(uri) = &self.jwks_uri {
            (metadata.jwks, metadata.jwks_uri) = (None, Some(uri.clone()));
        }
        if let Some(file) = &self.jwks_file {
            let jwks = json_file(file).context("failed to read the keys")?;
            (metadata.jwks, metadata.jwks_uri) = (Some(jwks), None);
        }
        Ok(metadata)
    }
}

/// Sets what is given.
fn set_some<T>(field: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *field = given;
    }
}

fn auth_method(text: &str) -> Result<AuthMethod, String> {
    let found = AuthMethod::ALL.into_iter().find(|method| method.as_str() == text);
    found.ok_or_else(|| AuthMethod::ALL.map(AuthMethod::as_str).join(", "))
}

/// A grant type; the long ones by their last part as well.
fn grant_type(text: &str) -> Result<String, String> {
    match text {
        "" => Err("a grant type".to_owned()),
        "device_code" | "token-exchange" | "jwt-bearer" => {
            Ok(format!("urn:ietf:params:oauth:grant-type:{text}"))
        }
        known => Ok(known.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        metadata: MetadataFlags,
    }

    fn flags(line: &[&str]) -> MetadataFlags {
        let line = ["add"].iter().chain(line);
        <Line as clap::Parser>::try_parse_from(line).expect("flags").metadata
    }

    #[test]
    fn what_is_not_given_stays() {
        let before = ClientMetadata {
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            jwks: Some(serde_json::json!({ "keys": [] })),
            ..ClientMetadata::default()
        };
        assert_eq!(flags(&[]).applied_to(&before).expect("sound"), before);
        let line = ["--jwks-uri", "https://app.example/keys", "--grant-type", "device_code"];
        let after = flags(&line).applied_to(&before).expect("sound");
        assert_eq!(after.redirect_uris, before.redirect_uris);
        assert_eq!(after.jwks, None, "keys are in one place");
        assert_eq!(after.grant_types, ["urn:ietf:params:oauth:grant-type:device_code"]);
    }

    #[test]
    fn every_method_is_known_by_its_name() {
        for method in AuthMethod::ALL {
            assert_eq!(auth_method(method.as_str()), Ok(method));
        }
        assert!(auth_method("password").is_err_and(|known| known.contains("private_key_jwt")));
    }
}
