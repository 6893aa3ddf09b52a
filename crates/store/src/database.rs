//! The connections, and what a transaction is.
