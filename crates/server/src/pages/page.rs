//! From a view to a response: HTML, and the headers that keep it from being framed, cached,
//! or made to load what it should not.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::brand::Logo;
use super::chrome::Chrome;
use super::policy::Policy;

/// What a page shows.
pub trait View {
    /// The HTML of the whole page.
    fn render(&self, chrome: &Chrome) -> askama::Result<String>;

    /// What the page needs beyond ourselves.
    fn permit(&self, policy: &mut Policy);
}

/// Ties a view to its template, in which `c` is the chrome and `v` the view.
macro_rules! view {
    ($view:ident, $path:literal, $permit:expr) => {
        impl crate::pages::page::View for $view {
            fn render(&self, chrome: &crate::pages::Chrome) -> askama::Result<String> {
                #[derive(askama::Template)]
                #[template(path = $path)]
                struct Page<'a> {
                    c: &'a crate::pages::Chrome,
                    v: &'a $view,
                }
                askama::Template::render(&Page { c: chrome, v: self })
            }

            fn permit(&self, policy: &mut crate::pages::Policy) {
                let permit: fn(&Self, &mut crate::pages::Policy) = $permit;
                permit(self, policy);
            }
        }
    };
}
pub(super) use view;

impl Chrome {
    /// The response that shows a view.
    pub fn page(&self, status: StatusCode, view: &(impl View + ?Sized)) -> Response {
        let mut policy = Policy::default();
        if let Some(Logo::Remote(url)) = &self.brand().logo {
            policy.allow_image(url);
        }
        view.permit(&mut policy);
        match view.render(self) {
            Ok(html) => (status, self.headers(&policy), Html(html)).into_response(),
            Err(error) => {
                tracing::error!(%error, "a page could not be written");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    fn headers(&self, policy: &Policy) -> HeaderMap {
        let fixed: [(HeaderName, &str); 5] = [
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-store"),
            (header::CONTENT_LANGUAGE, self.language().tag()),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_str(value).expect("these are plain ASCII"));
        }
        let policy = HeaderValue::from_str(&policy.written()).expect("sources are plain ASCII");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        if let Some(cookie) = self.language_cookie() {
            let cookie = HeaderValue::from_str(&cookie).expect("a tag is plain ASCII");
            headers.append(header::SET_COOKIE, cookie);
        }
        headers
    }
}
