//! What a gateway keeps for the browsers in front of it. What is sealed is the gateway's own
//! business; here it is a text.

mod logins;
mod sessions;
mod tickets;

pub use logins::GatewayLogin;
pub use sessions::{GatewaySession, LoggedOut};
pub use tickets::GatewayTicket;
