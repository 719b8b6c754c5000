//! Why a request does not verify, in words that stay: they are labels of a counter and keys in output.

/// Declares every cause: its word, what it says, and what to do about it.
macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $says:literal, $advice:literal;)+) => {
        /// What became of a request between its sender and us, or who sent it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause { $($(#[$doc])* $variant),+ }

        impl Cause {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in counters, output and docs/signature-doctor.md.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What happened, in one clause.
            pub fn says(self) -> &'static str {
                match self { $(Self::$variant => $says),+ }
            }

            /// What to do.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice),+ }
            }
        }
    };
}

causes! {
    OwnKey = "own_key",
        "your own public key is configured where the provider's belongs",
        "download the provider's public key from its console and configure that file; your own key \
         only signs what you send";
    ForeignKey = "foreign_key",
        "the signature was made with a key that is not configured",
        "compare the configured fingerprint with the key in the provider's console: your own public \
         key, a key that was replaced, and one of the sandbox are the usual mistakes; --own-key FILE \
         tells the first for certain. If the key is right, the request is not the provider's";
    OtherAccount = "other_account",
        "it is genuine for another account of this configuration",
        "correct the notify_url at the provider: its last part names the account";
    OtherAccountsKey = "other_accounts_key",
        "it is signed with the key that another account of this configuration has",
        "the accounts' keys are mixed up: compare both accounts' key files with the provider's console";
    NotOurs = "not_ours",
        "it is genuine, but for another app, merchant or seller than configured",
        "compare the account's identifiers with the provider's console; if they are right, somebody \
         else's notify_url points here";
    Sandbox = "sandbox",
        "it comes from the other environment: sandbox and production are mixed up",
        "give each environment an account of its own, with that environment's keys and identifiers";
    Probe = "probe",
        "the provider sent a deliberately wrong signature, to see that it is refused",
        "nothing to do: refusing it is the right answer";
    ClockSkew = "clock_skew",
        "it is genuine, but its signed time is outside the window",
        "if it is an old capture, give its time with --at; if it came just now, set this machine's \
         clock (NTP), or look for a queue in front of the ingress that holds requests back";
    SignType = "sign_type",
        "it is signed with another algorithm than the one that is pinned",
        "set the signature algorithm in the provider's console to the configured one; if the request \
         names none, something on the way left it out";
    UnknownSerial = "unknown_serial",
        "it names a key or certificate that is not configured",
        "download the provider's current key or certificate and add it beside the old one; if the name \
         is of one that was retired, the request is old or not the provider's";
    UntrustedCertificate = "untrusted_certificate",
        "the certificate that it should bring is missing, or not trusted as it is",
        "the detail says what stands against it: mend the account's chain_hash, organisation, \
         intermediates or roots if the certificate is the provider's, or pin it; for an old capture \
         give its time with --at";
    WrongSerial = "wrong_serial",
        "a configured key verifies it, but under another name than the request gives",
        "correct the name (serial or key id) under which this key is configured";
    HtmlEscaped = "html_escaped",
        "characters were replaced by HTML entities such as &quot;",
        "no filter against cross-site scripting may run in front of the ingress: pass the raw body on \
         untouched";
    SlashesAdded = "slashes_added",
        "quotes were escaped with backslashes",
        "turn off whatever adds backslashes to input, and pass the raw body on untouched";
    PlusLost = "plus_lost",
        "a plus sign became a blank",
        "somebody decoded the body and wrote it again without escaping: pass the raw body on untouched";
    DecodedTwice = "decoded_twice",
        "percent escapes were decoded once too often",
        "pass the raw body on untouched; whoever decodes it must encode it again before sending it on";
    EncodedTwice = "encoded_twice",
        "percent escapes were put on once too often",
        "pass the raw body on untouched; where only the capture is to blame, such as a HAR file whose \
         `params` are still escaped, capture the body itself or give it with --body";
    WrongCharset = "wrong_charset",
        "the text was converted to another character set",
        "pass the raw bytes on untouched: the signature covers them in the sender's character set";
    JsonReserialised = "json_reserialised",
        "the JSON was parsed and written again: blanks, escapes or the order of keys differ",
        "pass the raw bytes on untouched: the signature covers the text, not what it means";
    ParametersMerged = "parameters_merged",
        "parameters that were not signed were added to the body",
        "pass the body alone on: a framework that merges the route's or the address's parameters into \
         it breaks the signature";
    ParametersInQuery = "parameters_in_query",
        "signed parameters stand in the address instead of the body",
        "pass the body on as it came, as a POST; a redirect on the way turns it into a GET";
    TrailingNewline = "trailing_newline",
        "line ends or blanks at the edge of the body were added or removed",
        "pass the raw body on untouched; curl needs --data-binary, since --data strips line ends";
    ByteOrderMark = "byte_order_mark",
        "a byte order mark was put before the body",
        "pass the raw body on untouched, and save it without a byte order mark";
    LineEndings = "line_endings",
        "line ends were converted between CR LF and LF",
        "pass the raw body on untouched, and copy it in binary mode";
    ContentEncoding = "content_encoding",
        "the body is compressed, or said to be",
        "nothing between the provider and the ingress may compress requests: switch that off";
    ContentType = "content_type",
        "it would verify, but its Content-Type is not the provider's",
        "pass the Content-Type header on untouched";
    HeaderLost = "header_lost",
        "headers that the signature needs are missing",
        "let every proxy and gateway pass the provider's headers on; nginx drops names with an \
         underscore unless told otherwise";
    HeaderRenamed = "header_renamed",
        "headers that the signature needs came under other names",
        "pass the provider's headers on under their own names";
    HeaderRepeated = "header_repeated",
        "a header that the signature needs came twice",
        "something on the way adds the provider's headers once more: let them pass once";
    Unsigned = "unsigned",
        "it bears no signature",
        "the provider signs everything: something on the way left the signature out, or it is not the \
         provider's";
    ReturnLink = "return_link",
        "it is the payer's return link, not a notification",
        "set notify_url at the provider to /notify/ACCOUNT and return_url to another address";
    NotANotification = "not_a_notification",
        "it is genuine, but it is no notification",
        "set only the notify_url at the provider to /notify/ACCOUNT";
    Ambiguous = "ambiguous",
        "what was signed can be read in two ways",
        "look at it as an attack: a value holds what looks like further signed parameters";
    Truncated = "truncated",
        "the body is shorter than its stated length",
        "capture the whole body; if it came so, look for a limit on the way";
    Malformed = "malformed",
        "the body is not in the provider's form",
        "check that this address is given to this provider alone, and that the body comes untouched";
    BytesChanged = "bytes_changed",
        "the right key signed it, but bytes were changed afterwards, in no way that is known here",
        "compare it byte by byte with what the provider's console or a capture at the edge shows \
         (PayPal signs the webhook_id, too: compare that first); if nothing on the way touches \
         requests, it is a forgery";
    /// For a secret that both sides share, nothing tells a wrong secret from changed bytes.
    Unknown = "unknown",
        "bytes were changed in no way that is known here, or it was made with another secret",
        "compare the configured secret with the provider's console, then look for what touches \
         requests on the way; if neither is it, it is a forgery";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_cause_has_a_word_of_its_own() {
        let words: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
        assert_eq!(words.len(), Cause::ALL.len());
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        assert!(words.iter().all(|word| word.bytes().all(letter)));
    }
}
