//! Why a request is not let in.

/// Why a request is not let in. The answer never says which; the counter and the log do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("the body is not in the provider's form: {0}")]
    Malformed(&'static str),
    #[error("the signature is missing or empty")]
    Unsigned,
    #[error("the signature algorithm is missing or not the pinned one")]
    WrongAlgorithm,
    #[error("it names a key that is not configured")]
    UnknownKey,
    #[error("its signed time is too far from now")]
    Stale,
    #[error("no configured key verifies the signature")]
    Forged,
    #[error("what was signed can be read in two ways")]
    Ambiguous,
    #[error("it is genuine, but for another `{0}`")]
    NotOurs(&'static str),
    #[error("it is genuine, but it is no notification")]
    NotANotification,
    #[error("it is no signed return of this provider")]
    NoReturn,
}

impl Rejection {
    /// The counter's label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Unsigned => "unsigned",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Stale => "stale",
            Self::Forged => "forged",
            Self::Ambiguous => "ambiguous",
            Self::NotOurs(_) => "not_ours",
            Self::NotANotification => "not_a_notification",
            Self::NoReturn => "no_return",
        }
    }

    /// Could other keys or settings make the same bytes genuine? Such a request may be kept until then.
    pub fn is_mendable(self) -> bool {
        match self {
            Self::WrongAlgorithm | Self::UnknownKey | Self::Forged | Self::NotOurs(_) => true,
            Self::Malformed(_)
            | Self::Unsigned
            | Self::Stale
            | Self::Ambiguous
            | Self::NotANotification
            | Self::NoReturn => false,
        }
    }

    /// Could it not even be read as the provider's form?
    pub fn is_malformed(self) -> bool {
        matches!(self, Self::Malformed(_))
    }
}
