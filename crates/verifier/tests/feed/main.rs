//! A verifier against a feed on a real socket, written frame by frame by the test.

mod credentials;
mod follower;
mod freshness;
mod keys;
mod peer;
