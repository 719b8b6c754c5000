//! Amounts: integer minor units of an ISO 4217 currency.
//!
//! **Invariant**: no float comes near an amount, and what does not convert exactly is an error.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Digits that a decimal amount may have before its point, as Alipay documents for `total_amount`.
const WHOLE_DIGITS_MAX: usize = 11;

/// A currency by its ISO 4217 letters, such as `CNY`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// An amount in its currency's minor unit (fen, cents, yen).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

/// Why a text is no amount or no currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("a currency is three capital letters of ISO 4217")]
    Currency,
    #[error("an amount is up to {WHOLE_DIGITS_MAX} digits and at most the currency's decimals")]
    Amount,
}

impl Currency {
    pub const CNY: Self = Self(*b"CNY");
    pub const EUR: Self = Self(*b"EUR");
    pub const USD: Self = Self(*b"USD");
    /// No currency at all, as ISO 4217 names it: no order is offered in it, so no order is paid in it.
    pub const XXX: Self = Self(*b"XXX");

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// How many decimals the currency has. Source: ISO 4217, table A.1.
    pub fn exponent(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" | b"XXX" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }
}

impl Money {
    /// Reads a decimal text such as `0.10`, `20` or `20.0`: no sign, no exponent, no separator,
    /// and no more decimals than the currency has.
    pub fn from_decimal(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(MoneyError::Amount),
            None => (text, ""),
        };
        let decimals = currency.exponent() as usize;
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > WHOLE_DIGITS_MAX
            || fraction.len() > decimals
            || !digits(whole)
            || !digits(fraction)
        {
            return Err(MoneyError::Amount);
        }
        let padded = format!("{whole}{fraction:0<decimals$}");
        let minor = padded.parse().map_err(|_| MoneyError::Amount)?;
        Ok(Self { minor, currency })
    }

    /// An amount that a provider states in `decimals` decimals of its own, where those differ from ISO
    /// 4217's. What does not convert exactly keeps the provider's figure, in [`Currency::XXX`]: a
    /// person finds the money, and it never matches an order.
    pub fn from_minor_at(value: i64, decimals: u32, currency: Currency) -> Self {
        let ours = currency.exponent();
        let power = 10_i64.checked_pow(ours.abs_diff(decimals));
        let minor = match power {
            Some(power) if ours >= decimals => value.checked_mul(power),
            Some(power) => (value % power == 0).then(|| value / power),
            None => None,
        };
        match minor {
            Some(minor) => Self { minor, currency },
            None => Self { minor: value, currency: Currency::XXX },
        }
    }

    /// The decimal text, such as `0.10` for 10 fen.
    pub fn to_decimal(self) -> String {
        let decimals = self.currency.exponent();
        if decimals == 0 {
            return self.minor.to_string();
        }
        let unit = 10_u64.pow(decimals);
        let sign = if self.minor < 0 { "-" } else { "" };
        let magnitude = self.minor.unsigned_abs();
        format!(
            "{sign}{}.{:0width$}",
            magnitude / unit,
            magnitude % unit,
            width = decimals as usize
        )
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Self([a, b, c])),
            _ => Err(MoneyError::Currency),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fen(text: &str) -> Result<i64, MoneyError> {
        Money::from_decimal(text, Currency::CNY).map(|money| money.minor)
    }

    #[test]
    fn twenty_is_twenty_however_it_is_written() {
        assert_eq!([fen("20"), fen("20.0"), fen("20.00")], [Ok(2000); 3]);
        assert_eq!(fen("0.10"), Ok(10));
        assert_eq!(fen("99999999999.99"), Ok(9_999_999_999_999));
    }

    #[test]
    fn what_is_not_an_exact_amount_is_refused() {
        for text in
            ["", ".", "1.", ".1", "1.001", "-1", "+1", "1e3", "1,000", " 1", "123456789012", "１"]
        {
            assert_eq!(fen(text), Err(MoneyError::Amount), "{text:?}");
        }
    }

    #[test]
    fn the_currency_decides_the_decimals() {
        for (text, letters, minor) in [("500", "JPY", 500), ("1.234", "KWD", 1234)] {
            let currency = letters.parse().unwrap();
            let money = Money::from_decimal(text, currency).unwrap();
            assert_eq!((money.minor, money.to_decimal()), (minor, text.to_owned()));
        }
        assert!(Money::from_decimal("500.1", "JPY".parse().unwrap()).is_err());
        assert!("cny".parse::<Currency>().is_err());
    }
    #[test]
    fn a_providers_own_decimals_convert_exactly_or_become_no_currency() {
        for (value, decimals, letters, minor, stands_in) in [
            (1000, 2, "EUR", 1000, "EUR"),
            (500, 2, "ISK", 5, "ISK"),
            (550, 2, "ISK", 550, "XXX"),
            (5, 0, "IDR", 500, "IDR"),
            (12_340, 3, "KWD", 12_340, "KWD"),
            (-500, 2, "ISK", -5, "ISK"),
            (i64::MAX, 0, "EUR", i64::MAX, "XXX"),
            (1, 30, "EUR", 1, "XXX"),
        ] {
            let money = Money::from_minor_at(value, decimals, letters.parse().unwrap());
            assert_eq!((money.minor, money.currency.as_str()), (minor, stands_in), "{letters}");
        }
    }
}
