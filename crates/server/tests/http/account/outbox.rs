//! What an app may send after it was offline, however late that is: a success for whatever was ours,
//! a refusal for what was not, and never an error of ours.

use std::time::Duration;

use crate::harness::{Server, Tokens, refresh_form};

const DAY: Duration = Duration::from_hours(24);

/// All that an app holds of one session, the oldest refresh token first.
async fn credentials(server: &Server) -> [String; 4] {
    let first = server.tokens("app").await;
    let (Tokens { access, refresh }, handle) = (first.tokens(), first.text("logout_handle"));
    let second = server.refresh(&refresh).await.tokens();
    [refresh, second.refresh, access, handle]
}

#[tokio::test]
async fn whatever_was_ours_signs_out_at_any_time() {
    for sender in ["/account/logout", "/revoke"] {
        for index in 0..4 {
            let server = Server::with_ada().await;
            let held = credentials(&server).await;
            let send = async |token: &str| {
                let form = [("client_id", "app"), ("token", token)];
                server.post(sender, &form).await.status
            };
            assert_eq!(send(&held[index]).await, 200, "{sender} {index} alive");
            assert_eq!(send(&held[index]).await, 200, "{sender} {index} again");
            let refused = server.post("/token", &refresh_form("app", &held[1])).await.verdict();
            // RFC 7009 knows nothing of handles.
            if sender == "/account/logout" || index < 3 {
                assert!(refused.starts_with("400 invalid_grant"), "{sender} {index}: {refused}");
            }
            for _ in 0..3 {
                server.advance(DAY * 40);
                server.app.store.end_expired(server.now(), 100).await.expect("swept");
                server.app.store.delete_expired(server.now(), 100).await.expect("deleted");
                for token in &held {
                    assert_eq!(send(token).await, 200, "{sender} {index} long gone");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_was_never_ours_is_no_error_of_ours() {
    let server = Server::with_ada().await;
    let held = credentials(&server).await;
    let mut junk: Vec<String> = ["", " ", "x", "\0", "mrt_", "mlh_", "mat_", "a.b.c", "☃", "..."]
        .map(str::to_owned)
        .to_vec();
    junk.push("mat_".to_owned() + &"A".repeat(43));
    junk.push("A".repeat(60_000));
    for token in &held {
        for cut in [1, token.len() / 2, token.len() - 1] {
            junk.push(token[..cut].to_owned());
            junk.push(format!("{}{}", &token[..cut], &token[cut..].to_uppercase()));
        }
        junk.push(format!("{token}{token}"));
    }
    // A last letter may have been a capital before.
    junk.retain(|token| !held.contains(token));
    for token in &junk {
        let form = [("client_id", "app"), ("token", token.as_str())];
        for path in ["/account/logout", "/revoke"] {
            let status = server.post(path, &form).await.status;
            let definite = matches!(status, 200 | 400 | 401);
            assert!(definite, "{path} {status} {:?}", &token[..token.len().min(50)]);
        }
        for depth in ["app", "device", "everywhere"] {
            let form = [("token", token.as_str()), ("depth", depth)];
            let status = server.post("/account/logout", &form).await.status;
            assert!(matches!(status, 200 | 400 | 401), "{depth} {status}");
        }
    }
    assert_eq!(server.refresh(&held[1]).await.status, 200, "none of it has ended anything");
}
