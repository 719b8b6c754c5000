//! An order as the shop wrote it, and the names of what becomes of it.

use serde::{Deserialize, Serialize};

/// Bytes an order number may have: Alipay allows 64, others up to 127.
pub const ORDER_NO_MAX_BYTES: usize = 128;

/// Where an order stands. Derived from recorded facts, never set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    Pending,
    Paid,
    PartiallyRefunded,
    Refunded,
    Cancelled,
}

/// Does real money move? Orders and accounts of one mode have nothing to do with those of the other.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    Live,
    /// A provider's sandbox.
    Test,
}

/// Why a text cannot be an order number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderNoError {
    #[error("an order number may not be empty")]
    Empty,
    #[error("an order number has at most {ORDER_NO_MAX_BYTES} bytes")]
    TooLong,
    #[error("an order number has no control characters and no blanks at its ends")]
    Unprintable,
}

impl OrderStatus {
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Paid, Self::PartiallyRefunded, Self::Refunded, Self::Cancelled];

    /// The word in tables, events and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl Mode {
    pub const ALL: [Self; 2] = [Self::Live, Self::Test];

    /// The word in tables, in the configuration and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// The mode that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

/// Checks an order number as a shop may write it.
pub fn check_order_no(text: &str) -> Result<(), OrderNoError> {
    if text.is_empty() {
        Err(OrderNoError::Empty)
    } else if text.len() > ORDER_NO_MAX_BYTES {
        Err(OrderNoError::TooLong)
    } else if text.chars().any(char::is_control) || text.trim() != text {
        Err(OrderNoError::Unprintable)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_found_by_its_word() {
        for status in OrderStatus::ALL {
            assert_eq!(OrderStatus::from_word(status.as_str()), Some(status));
        }
        assert_eq!(OrderStatus::from_word("fulfilled"), None);
        for mode in Mode::ALL {
            assert_eq!(Mode::from_word(mode.as_str()), Some(mode));
        }
    }

    #[test]
    fn an_order_number_is_short_and_printable() {
        assert_eq!(check_order_no("订单-1"), Ok(()));
        assert_eq!(check_order_no(""), Err(OrderNoError::Empty));
        assert_eq!(check_order_no("a\u{0}b"), Err(OrderNoError::Unprintable));
        assert_eq!(check_order_no(" a"), Err(OrderNoError::Unprintable));
        assert_eq!(check_order_no(&"a".repeat(129)), Err(OrderNoError::TooLong));
    }
}
