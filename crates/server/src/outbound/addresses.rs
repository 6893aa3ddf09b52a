//! Which addresses are the public's, and which only we can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What may be reached: what is public, and what the operator allows besides.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    allowed: Vec<IpNet>,
}

impl Reach {
    pub(super) fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Whether this address may be reached.
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        let target = target(address);
        let is_allowed = |network: &IpNet| network.contains(&address) || network.contains(&target);
        self.allowed.iter().any(is_allowed) || is_public(target)
    }
}

/// Where a packet to this address ends: the IPv4 address in an IPv4-mapped, 6to4 or NAT64 one
/// (RFC 4291 section 2.5.5.2, RFC 3056 section 2, RFC 6052 section 2.1).
fn target(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|network| network.contains(&address)),
        // Whatever is not global unicast is for somebody's own use, or for nobody's yet.
        IpAddr::V6(address) => {
            UNICAST_V6.contains(&address)
                && !NOT_PUBLIC_V6.iter().any(|network| network.contains(&address))
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// The IANA registry of special addresses (RFC 6890), multicast, and what is reserved.
const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

const UNICAST_V6: Ipv6Net = v6(0x2000, 0, 3);

/// Teredo and other protocol assignments, and documentation.
const NOT_PUBLIC_V6: [Ipv6Net; 3] = [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x3fff, 0, 20)];

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(reach: &Reach, address: &str) -> bool {
        reach.holds(address.parse().expect("an address"))
    }

    #[test]
    fn what_only_we_can_reach_is_out_of_reach() {
        let private = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::808:808",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
        ];
        let reach = Reach::new(Vec::new());
        for address in private {
            assert!(!holds(&reach, address), "{address}");
        }
    }

    #[test]
    fn what_is_public_is_not() {
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2002:808:808::1",
            "2606:4700:4700::1111",
            "2a00:1450::1",
        ];
        let reach = Reach::new(Vec::new());
        for address in public {
            assert!(holds(&reach, address), "{address}");
        }
    }

    #[test]
    fn the_operator_may_allow_a_network_in_whatever_form_it_is_written() {
        let reach = Reach::new(vec!["127.0.0.0/8".parse().expect("a network")]);
        for address in ["127.0.0.1", "::ffff:127.0.0.1", "8.8.8.8"] {
            assert!(holds(&reach, address), "{address}");
        }
        for address in ["::1", "10.0.0.1", "169.254.169.254"] {
            assert!(!holds(&reach, address), "{address}");
        }
    }
}
