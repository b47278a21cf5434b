//! Calls times prices: lines, and their sum.

use super::{Calls, Cloud, Prices};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number to nine digits behind the point, so that reports can be compared. JSON has it as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(u128);

const ONE: f64 = 1e9;

impl Decimal {
    fn of(number: f64) -> Self {
        // Saturates, and nothing here is negative.
        Self((number * ONE).round() as u128)
    }

    pub fn as_f64(self) -> f64 {
        self.0 as f64 / ONE
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self::of)
    }
}

/// One thing that is paid for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub what: String,
    pub quantity: Decimal,
    pub unit: String,
    /// For one unit, on average where there are tiers; `None`: there is no price.
    pub unit_price: Option<Decimal>,
    pub amount: Option<Decimal>,
    /// When the price was that, and who says so.
    pub as_of: Option<String>,
    pub document: Option<String>,
}

/// What a run cost by list prices, as far as they are known. No bill: see [`super::prices`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    pub currency: String,
    pub lines: Vec<Line>,
    /// Of the lines that have an amount.
    pub total: Decimal,
    /// Every line has one.
    pub complete: bool,
    /// The oldest date of a price that was used.
    pub as_of: Option<String>,
}

impl Estimate {
    /// `source` is `None` where nobody knows whom the source's calls are paid to.
    pub fn of(calls: &Calls, source: Option<Cloud>, prices: &Prices) -> Self {
        let gigabyte_seconds = calls.lambda_mb_milliseconds as f64 / 1024.0 / 1000.0;
        let at_source = |what: &str| format!("{}.{what}", source.map_or("source", Cloud::name));
        let lines: Vec<Line> = [
            (at_source("list"), calls.source_lists as f64, "requests"),
            (at_source("head"), calls.source_heads as f64, "requests"),
            (at_source("read"), calls.source_reads as f64, "requests"),
            (at_source("egress"), calls.source_bytes as f64 / 1e9, "GB"),
            ("s3.put".to_owned(), calls.s3_puts as f64, "requests"),
            ("s3.get".to_owned(), calls.s3_gets as f64, "requests"),
            ("s3.delete".to_owned(), calls.s3_deletes as f64, "requests"),
            ("lambda.compute".to_owned(), gigabyte_seconds, "GB-seconds"),
            ("lambda.requests".to_owned(), calls.lambda_requests as f64, "requests"),
            ("states.transitions".to_owned(), calls.state_transitions as f64, "state transitions"),
        ]
        .into_iter()
        .filter(|(_, quantity, _)| *quantity > 0.0)
        .map(|(what, quantity, unit)| line(what, quantity, unit, prices))
        .collect();
        let total = lines.iter().filter_map(|line| line.amount).map(|amount| amount.0).sum();
        Self {
            currency: prices.currency.clone(),
            total: Decimal(total),
            complete: lines.iter().all(|line| line.amount.is_some()),
            as_of: lines.iter().filter_map(|line| line.as_of.clone()).min(),
            lines,
        }
    }
}

fn line(what: String, quantity: f64, unit: &str, prices: &Prices) -> Line {
    // A price for another unit is none.
    let price = prices.prices.get(&what).filter(|price| price.unit == unit);
    let amount = price.map(|price| price.amount(quantity));
    Line {
        quantity: Decimal::of(quantity),
        unit: unit.to_owned(),
        unit_price: amount.map(|amount| Decimal::of(amount / quantity)),
        amount: amount.map(Decimal::of),
        as_of: price.and_then(|price| price.as_of.clone()),
        document: price.map(|price| price.document.clone()),
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls() -> Calls {
        let mut calls = Calls {
            source_lists: 2,
            source_reads: 1_000_000,
            source_bytes: 1_000_000_000_000,
            s3_puts: 1_002_000,
            ..Calls::default()
        };
        calls.lambda(250, 1024, 40_000);
        calls
    }

    #[test]
    fn lines_have_quantity_price_and_amount() {
        let estimate = Estimate::of(&calls(), Cloud::of("gs://bucket/x"), &Prices::compiled_in());
        let line = |what: &str| estimate.lines.iter().find(|line| line.what == what).unwrap();
        assert!((line("s3.put").amount.unwrap().as_f64() - 5.01).abs() < 1e-9);
        assert!((line("google.read").amount.unwrap().as_f64() - 0.4).abs() < 1e-9);
        assert!((line("lambda.compute").quantity.as_f64() - 40.0).abs() < 1e-9);
        let sum: f64 = estimate.lines.iter().map(|line| line.amount.unwrap().as_f64()).sum();
        assert!((estimate.total.as_f64() - sum).abs() < 1e-6);
        assert!(estimate.complete);
        assert_eq!(estimate.as_of.as_deref(), Some("2026-08-31"));
        // What was not used has no line.
        assert!(!estimate.lines.iter().any(|line| line.what == "s3.delete"));
    }

    #[test]
    fn what_has_no_price_has_no_amount() {
        let mut prices = Prices::compiled_in();
        prices.prices.remove("azure.list");
        let estimate = Estimate::of(&calls(), Cloud::of("azure://account/container"), &prices);
        let list = estimate.lines.iter().find(|line| line.what == "azure.list").unwrap();
        assert_eq!((list.unit_price, list.amount, estimate.complete), (None, None, false));
        assert!(estimate.total > Decimal::default());
        let nobody = Estimate::of(&calls(), Cloud::of("memory://x"), &Prices::compiled_in());
        assert!(
            nobody
                .lines
                .iter()
                .filter(|line| line.what.starts_with("source."))
                .all(|line| line.amount.is_none())
        );
    }

    #[test]
    fn an_estimate_comes_back_from_json() {
        let estimate = Estimate::of(&calls(), Some(Cloud::Azure), &Prices::compiled_in());
        let text = serde_json::to_string(&estimate).unwrap();
        assert_eq!(serde_json::from_str::<Estimate>(&text).unwrap(), estimate);
    }
}
