//! Names, resolved and judged in one step: what is judged is what is connected to.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::addresses::Reach;

/// How a name is looked up.
pub(super) type Lookup =
    Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// As the system does it.
pub(super) fn system() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Resolves names to those of their addresses that may be reached.
#[derive(Clone)]
pub(super) struct Resolver {
    pub(super) reach: Arc<Reach>,
    pub(super) lookup: Lookup,
}

/// A name has no address that may be reached.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("none of its addresses may be reached")]
pub(super) struct Forbidden;

/// Whether a name can only mean this machine (RFC 6761 section 6.3).
pub(super) fn is_local(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, local) = (self.reach.clone(), is_local(name.as_str()));
        let looking_up = (self.lookup)(name.as_str().to_owned());
        Box::pin(async move {
            let mut addresses = looking_up.await?;
            // Plain http is permitted to such names, and must not leave the machine.
            addresses.retain(|address| reach.holds(*address) && (!local || is_loopback(*address)));
            if addresses.is_empty() {
                return Err(Forbidden.into());
            }
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("reach", &self.reach).finish_non_exhaustive()
    }
}
