//! A verifier against a feed on a real socket, written frame by frame by the test.

mod credentials;
mod elsewhere;
mod follower;
mod freshness;
mod keys;
mod peer;
