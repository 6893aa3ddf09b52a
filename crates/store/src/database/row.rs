//! Reading rows, column by column in the order of the statement. What cannot be read is
//! corrupt, never a panic.

use std::str::FromStr;

use menshen_token::{Seq, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::{Result, StoreError};

/// The cells of a row from left to right.
pub(crate) struct Cells<'r> {
    row: &'r AnyRow,
    table: &'static str,
    first: usize,
    next: usize,
}

impl<'r> Cells<'r> {
    /// Begins with the columns of this table, of which the first is its key.
    pub(crate) fn of(row: &'r AnyRow, table: &'static str) -> Self {
        Self { row, table, first: 0, next: 0 }
    }

    /// Goes on with the columns of another table of a join.
    pub(crate) fn table(&mut self, table: &'static str) {
        self.table = table;
        self.first = self.next;
    }

    /// Passes over so many.
    pub(crate) fn skip(&mut self, count: usize) {
        self.next += count;
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        self.required_text().map(str::to_owned)
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<String>> {
        Ok(self.nullable_text()?.map(str::to_owned))
    }

    /// Text that is a `T`.
    pub(crate) fn parse<T: FromStr>(&mut self) -> Result<T> {
        self.required_text()?.parse().map_err(|_| self.corrupt())
    }

    pub(crate) fn optional<T: FromStr>(&mut self) -> Result<Option<T>> {
        let text = self.nullable_text()?;
        text.map(str::parse).transpose().map_err(|_| self.corrupt())
    }

    /// Text that is the JSON of a `T`.
    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        serde_json::from_str(self.required_text()?).map_err(|_| self.corrupt())
    }

    /// A number that is never negative.
    pub(crate) fn count(&mut self) -> Result<u64> {
        u64::try_from(self.integer()?).map_err(|_| self.corrupt())
    }

    pub(crate) fn optional_count(&mut self) -> Result<Option<u64>> {
        let index = self.step();
        let number: Option<i64> = self.row.try_get(index).map_err(|_| self.corrupt())?;
        number.map(u64::try_from).transpose().map_err(|_| self.corrupt())
    }

    pub(crate) fn seq(&mut self) -> Result<Seq> {
        self.count().map(Seq)
    }

    pub(crate) fn integer(&mut self) -> Result<i64> {
        let index = self.step();
        self.row.try_get(index).map_err(|_| self.corrupt())
    }

    pub(crate) fn instant(&mut self) -> Result<Timestamp> {
        self.integer().map(Timestamp::from_millis)
    }

    pub(crate) fn optional_instant(&mut self) -> Result<Option<Timestamp>> {
        let index = self.step();
        let millis: Option<i64> = self.row.try_get(index).map_err(|_| self.corrupt())?;
        Ok(millis.map(Timestamp::from_millis))
    }

    /// What is read makes no sense.
    pub(crate) fn corrupt(&self) -> StoreError {
        let id = self.row.try_get::<&str, _>(self.first).unwrap_or("?").to_owned();
        StoreError::Corrupt { table: self.table, id }
    }

    fn required_text(&mut self) -> Result<&'r str> {
        let index = self.step();
        self.row.try_get(index).map_err(|_| self.corrupt())
    }

    fn nullable_text(&mut self) -> Result<Option<&'r str>> {
        let index = self.step();
        self.row.try_get(index).map_err(|_| self.corrupt())
    }

    fn step(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }
}

/// A number as a column holds it; nothing that we count comes near the limit.
pub(crate) fn as_column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
