//! A logout on its way to a client (OpenID Connect Back-Channel Logout 1.0), and how patiently it
//! is tried.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use menshen_token::{ClientId, SessionId, Timestamp, UserId};

/// How long a logout is tried. Whoever has been away for longer has no session of ours left that
/// would be worth anything.
pub const TRIED_FOR: Duration = Duration::from_hours(24);

/// The pauses after the first attempts, in multiples of the first; the last one goes on for ever.
const PAUSES: [u32; 8] = [1, 2, 5, 15, 60, 300, 900, 3_600];

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// A logout on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutDelivery {
    /// Tells it from every other.
    pub id: String,
    /// The session that ended, or in which the client's grant did.
    pub session_id: SessionId,
    /// Who is to be told.
    pub client_id: ClientId,
    /// Who the user is to this client.
    pub subject: UserId,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it has been tried.
    pub attempts: u64,
    /// When the session ended.
    pub created_at: Timestamp,
    /// When it is due; while it is being tried, when somebody else may try.
    pub due_at: Timestamp,
    /// When it was delivered or given up.
    pub finished_at: Option<Timestamp>,
    /// What was in the way the last time.
    pub last_problem: Option<String>,
}

impl LogoutDelivery {
    /// When to try again after an attempt that failed at `now`; `None` when it is time to give up.
    ///
    /// `first` is the first pause. `jitter` spreads those who failed together over a quarter of
    /// the pause.
    pub fn retry_at(&self, now: Timestamp, first: Duration, jitter: u8) -> Option<Timestamp> {
        let tried = usize::try_from(self.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let factor = PAUSES[tried.min(PAUSES.len() - 1)];
        let pause = first.saturating_mul(factor).min(LONGEST_PAUSE);
        let at = now + pause + pause / 4 * u32::from(jitter) / u32::from(u8::MAX);
        (at < self.created_at + TRIED_FOR).then_some(at)
    }
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It will be tried, perhaps again.
    Queued,
    /// The client has confirmed it.
    Delivered,
    /// The client did not, for as long as we try; or it is nobody any more that we would tell.
    Abandoned,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Queued, Self::Delivered, Self::Abandoned];

    /// The name in the database and in the admin API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name is not one of [`DeliveryState::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state is `queued`, `delivered` or `abandoned`")]
pub struct UnknownState;

impl FromStr for DeliveryState {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == name).ok_or(UnknownState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn tried(attempts: u64) -> LogoutDelivery {
        LogoutDelivery {
            id: "one".to_owned(),
            session_id: SessionId::from_bytes([1; 16]),
            client_id: "app".parse().expect("valid"),
            subject: UserId::from_bytes([2; 16]),
            state: DeliveryState::Queued,
            attempts,
            created_at: START,
            due_at: START,
            finished_at: None,
            last_problem: None,
        }
    }

    #[test]
    fn the_pauses_grow_to_an_hour() {
        let pause = |attempts| {
            let at = tried(attempts).retry_at(START, SECOND, 0).expect("in time");
            (at.as_millis() - START.as_millis()) / 1_000
        };
        let pauses: Vec<i64> = (1..=10).map(pause).collect();
        assert_eq!(pauses, [1, 2, 5, 15, 60, 300, 900, 3_600, 3_600, 3_600]);
        let hourly = tried(8).retry_at(START, Duration::from_hours(2), 0);
        assert_eq!(hourly, Some(START + LONGEST_PAUSE));
    }

    #[test]
    fn the_jitter_is_a_quarter_of_the_pause_at_most() {
        for jitter in [0, 1, 128, 255] {
            let at = tried(1).retry_at(START, SECOND, jitter).expect("in time");
            assert!((START + SECOND..=START + SECOND * 5 / 4).contains(&at), "{jitter}");
        }
    }

    #[test]
    fn after_a_day_it_is_given_up() {
        let late = START + TRIED_FOR - LONGEST_PAUSE;
        assert_eq!(tried(30).retry_at(late, SECOND, 0), None);
        assert!(tried(30).retry_at(late - SECOND, SECOND, 0).is_some());
    }

    #[test]
    fn states_have_names() {
        for state in DeliveryState::ALL {
            assert_eq!(state.to_string().parse(), Ok(state));
        }
        assert_eq!("sent".parse::<DeliveryState>(), Err(UnknownState));
    }
}
