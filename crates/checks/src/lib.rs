//! What no single room can check. Everything is in `tests`: `stories` are promises kept over real
//! sockets, `tidy` is the house rules as a program. The code in the guides is compiled, too.

#[doc = include_str!("../../../docs/guide/protect-an-api.md")]
#[cfg(doctest)]
struct ProtectAnApi;
