//! Access tokens of which something must be kept: those that say nothing by themselves, and those that
//! no session stands behind. All others are known by what ends them alone.

mod opaque;
pub(crate) mod sessionless;
