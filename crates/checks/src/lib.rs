//! What no single room can check. Everything is in `tests`: `stories` are promises kept over real
//! sockets, `tidy` is the house rules as a program.
