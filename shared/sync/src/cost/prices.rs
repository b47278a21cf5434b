//! The table of prices: compiled in, and what a user states goes before it.
//!
//! It is data, with the document and the date of each price. What no document was found for is not in it:
//! such a line of an estimate has a quantity and no amount. Free allowances are not taken off, since
//! whether they are used up is the account's matter and not one run's.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const COMPILED_IN: &str = include_str!("prices.json");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    pub currency: String,
    /// By what is paid for, e.g. `s3.put`.
    pub prices: BTreeMap<String, Price>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub unit: String,
    /// Prices are for so many units.
    pub per: f64,
    /// From how many of these on which price holds, in one month. Ascending, the first from nothing on.
    pub tiers: Vec<(f64, f64)>,
    /// Region and kind.
    pub place: String,
    /// When the document said so, as `YYYY-MM-DD`; `None` where it has no date.
    pub as_of: Option<String>,
    /// Title and publisher.
    pub document: String,
}

/// Why a table cannot be used.
#[derive(Debug)]
pub struct InvalidPrices(String);

impl std::fmt::Display for InvalidPrices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidPrices {}

impl Prices {
    /// List prices of one region each, which need not be the user's.
    pub fn compiled_in() -> Self {
        Self::parse(COMPILED_IN).unwrap_or_else(|why| unreachable!("a test reads it: {why}"))
    }

    pub fn parse(json: &str) -> Result<Self, InvalidPrices> {
        let prices: Self = serde_json::from_str(json).map_err(|error| InvalidPrices(error.to_string()))?;
        for (name, price) in &prices.prices {
            let fault = |why: &str| Err(InvalidPrices(format!("{name}: {why}")));
            let numbers = || price.tiers.iter().flat_map(|(from, price)| [*from, *price]);
            if !(price.per.is_finite() && price.per > 0.0) {
                return fault("`per` must be more than nothing");
            }
            if price.tiers.first().is_none_or(|(from, _)| *from != 0.0) {
                return fault("the first tier must begin at 0");
            }
            if !numbers().all(|number| number.is_finite() && number >= 0.0)
                || !price.tiers.is_sorted_by(|a, b| a.0 < b.0)
            {
                return fault("tiers must ascend, and no number be negative");
            }
        }
        Ok(prices)
    }

    /// With another's prices before these. They must be in the same currency.
    pub fn overridden_by(mut self, own: Self) -> Result<Self, InvalidPrices> {
        if own.currency != self.currency {
            let why = format!("the prices are in {} and in {}", self.currency, own.currency);
            // A whole table of another currency is a table of its own.
            return if self.prices.keys().all(|name| own.prices.contains_key(name)) {
                Ok(own)
            } else {
                Err(InvalidPrices(why))
            };
        }
        self.prices.extend(own.prices);
        Ok(self)
    }
}

impl Price {
    /// For a quantity as if it were all that the month had.
    pub(super) fn amount(&self, quantity: f64) -> f64 {
        let units = quantity / self.per;
        let ends = self.tiers.iter().skip(1).map(|(from, _)| *from).chain([f64::INFINITY]);
        self.tiers.iter().zip(ends).map(|((from, price), end)| (units.min(end) - from).max(0.0) * price).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_in_can_be_read_and_says_where_it_is_from() {
        let prices = Prices::parse(COMPILED_IN).unwrap();
        assert!(prices.prices.len() >= 12);
        for (name, price) in &prices.prices {
            assert!(!price.document.is_empty() && !price.place.is_empty(), "{name}");
            let dated = |date: &String| {
                date.len() == 10 && crate::clock::parse(&format!("{date}T00:00:00Z")).is_some()
            };
            assert!(price.as_of.as_ref().is_none_or(dated), "{name}");
        }
    }

    #[test]
    fn tiers_are_paid_one_after_the_other() {
        let prices = Prices::compiled_in();
        let azure = &prices.prices["azure.egress"];
        assert!((azure.amount(10_335.0) - 899.145).abs() < 1e-6);
        // "Standard Data Transfer Out": the next tier begins with the next byte.
        assert!((azure.amount(10_336.0) - 899.228).abs() < 1e-6);
        assert!((prices.prices["s3.put"].amount(1e9) - 5_000.0).abs() < 1e-6);
        assert!(azure.amount(0.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_table_that_cannot_be_meant_is_refused() {
        let table = |tiers: &str, per: &str| {
            format!(
                r#"{{"currency":"USD","prices":{{"s3.put":{{"unit":"requests","per":{per},"tiers":{tiers},"place":"x","as_of":null,"document":"x"}}}}}}"#
            )
        };
        assert!(Prices::parse(&table("[[0,1]]", "1000")).is_ok());
        for (tiers, per) in
            [("[]", "1"), ("[[1,1]]", "1"), ("[[0,1],[0,2]]", "1"), ("[[0,-1]]", "1"), ("[[0,1]]", "0")]
        {
            assert!(Prices::parse(&table(tiers, per)).is_err(), "{tiers} {per}");
        }
    }

    #[test]
    fn a_users_prices_go_before_ours() {
        let own = r#"{"currency":"USD","prices":{"s3.put":{"unit":"requests","per":1000,"tiers":[[0,0.0054]],"place":"Europe (Frankfurt)","as_of":"2026-11-01","document":"ours"}}}"#;
        let prices = Prices::compiled_in().overridden_by(Prices::parse(own).unwrap()).unwrap();
        assert_eq!(prices.prices["s3.put"].document, "ours");
        assert!(prices.prices.contains_key("s3.get"));
        let other = own.replace("USD", "EUR");
        assert!(Prices::compiled_in().overridden_by(Prices::parse(&other).unwrap()).is_err());
    }
}
