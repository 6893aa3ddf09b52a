//! What a browser says about itself, in words that people know their devices by. Never for
//! decisions.

use axum::http::{HeaderMap, header};
use menshen_domain::session::Device;

/// The device behind a request: "Firefox" on "Android", as far as it says.
pub(crate) fn device(headers: &HeaderMap, address: String) -> Device {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let agent = agent.unwrap_or_default();
    Device::new(first_of(&PROGRAMS, agent), first_of(&SYSTEMS, agent), Some(address))
}

/// What to look for, the more special first: everybody claims to be everybody before them.
const PROGRAMS: [(&str, &str); 14] = [
    ("MicroMessenger", "WeChat"),
    ("HuaweiBrowser", "Huawei Browser"),
    ("MiuiBrowser", "Mi Browser"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi", "Vivaldi"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chromium", "Chromium"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
    ("Lynx", "Lynx"),
];

const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

fn first_of(known: &[(&str, &'static str)], agent: &str) -> Option<&'static str> {
    known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_recognize_their_devices() {
        let agents = [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                Some("Edge"),
                Some("Windows"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
                Some("Safari"),
                Some("iPhone"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/140.0.0.0 Mobile Safari/537.36",
                Some("Chrome"),
                Some("Android"),
            ),
            ("", None, None),
        ];
        for (agent, program, system) in agents {
            let headers =
                HeaderMap::from_iter([(header::USER_AGENT, agent.parse().expect("visible ASCII"))]);
            let device = device(&headers, "192.0.2.1".to_owned());
            assert_eq!((device.name.as_deref(), device.platform.as_deref()), (program, system));
        }
    }
}
