//! Every method of the store, on SQLite and on PostgreSQL. `make test` starts the latter.

mod clients;
mod codes;
mod credentials;
mod database;
mod gateway;
mod keys;
mod log;
mod nodes;
mod one_time_passwords;
mod openid;
mod parallel;
mod refreshes;
mod revocations;
mod scene;
mod sessionless_tokens;
mod sessions;
mod upkeep;
mod users;
