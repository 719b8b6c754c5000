//! The payer's language, and every word of the page in it.

use super::standings::Standing;

/// Of `Accept-Language`, more is not read.
const HEADER_MAX_BYTES: usize = 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Chinese,
}

/// What a page for one order shows. The script changes it, so all its texts stand in the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Pending,
    /// Still pending, and no longer waited for.
    Late,
    Known(Standing),
}

/// One text of the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// The word in the page's markup.
    pub(super) state: &'static str,
    pub(super) heading: &'static str,
    pub(super) text: &'static str,
}

#[derive(Debug)]
pub(super) struct Words {
    pub(super) language: &'static str,
    pub(super) parts: [Part; 5],
    pub(super) order: &'static str,
    pub(super) amount: &'static str,
    pub(super) verified: &'static str,
    pub(super) look_again: &'static str,
    /// For a link that is not proven, heading and text.
    pub(super) unverified: (&'static str, &'static str),
    /// For a provider that signs no return.
    pub(super) thanks: (&'static str, &'static str),
}

impl Language {
    /// The one that the payer likes best; English where neither is named.
    /// Source: RFC 9110 §12.5.4, with languages that begin with `zh` or `en` counting as these.
    pub(super) fn preferred(header: Option<&str>) -> Self {
        let header = header.filter(|header| header.len() <= HEADER_MAX_BYTES).unwrap_or_default();
        let liking = |language: &str| {
            let ranges = header.split(',').filter_map(weighed);
            ranges.filter(|(range, _)| is_of(range, language)).map(|(_, weight)| weight).max()
        };
        let any = liking("*").unwrap_or(0);
        let (chinese, english) = (liking("zh").unwrap_or(any), liking("en").unwrap_or(any));
        if chinese > english { Self::Chinese } else { Self::earlier(header, chinese, english) }
    }

    /// Of two that are liked the same, the one that is named first.
    fn earlier(header: &str, chinese: u16, english: u16) -> Self {
        let first = header
            .split(',')
            .filter_map(weighed)
            .find(|(range, weight)| *weight > 0 && (is_of(range, "zh") || is_of(range, "en")));
        match first {
            Some((range, _)) if chinese == english && is_of(&range, "zh") => Self::Chinese,
            Some(_) | None => Self::English,
        }
    }

    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }
}

/// A range and its weight in thousandths; nothing for what is not in the form.
fn weighed(entry: &str) -> Option<(String, u16)> {
    let mut parts = entry.split(';').map(str::trim);
    let range = parts.next()?.to_ascii_lowercase();
    let weight = match parts.next() {
        None => 1000,
        Some(parameter) => thousandths(parameter.strip_prefix("q=")?)?,
    };
    Some((range, weight))
}

/// `1`, `0.8`, `0.123`: at most three decimals. Source: RFC 9110 §12.4.2.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if !["0", "1"].contains(&whole) || decimals.len() > 3 {
        return None;
    }
    let digits = format!("{decimals:0<3}");
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let weight = whole.parse::<u16>().ok()? * 1000 + digits.parse::<u16>().ok()?;
    (weight <= 1000).then_some(weight)
}

fn is_of(range: &str, language: &str) -> bool {
    range.split('-').next() == Some(language)
}

impl View {
    /// The word in the page's markup and in the stream.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Late => "late",
            Self::Known(Standing::Confirmed) => "confirmed",
            Self::Known(Standing::Refunded) => "refunded",
            Self::Known(Standing::Cancelled) => "cancelled",
        }
    }
}

const fn part(state: &'static str, heading: &'static str, text: &'static str) -> Part {
    Part { state, heading, text }
}

static ENGLISH: Words = Words {
    language: "en",
    parts: [
        part(
            "pending",
            "Confirming your payment",
            "You are back from your payment provider. Its confirmation is on the way, and this page shows it.",
        ),
        part(
            "confirmed",
            "Payment confirmed",
            "The shop has your payment. You may close this page.",
        ),
        part(
            "late",
            "This takes a little longer",
            "The confirmation has not arrived yet. Please do not pay again. You need not wait here: the shop \
             goes on with your order as soon as it arrives.",
        ),
        part("refunded", "Payment returned", "This payment was given back to you."),
        part(
            "cancelled",
            "Order cancelled",
            "The shop cancelled this order. If you have paid, please ask the shop.",
        ),
    ],
    order: "Order number",
    amount: "Amount",
    verified: "Your payment provider signed these details.",
    look_again: "Look again",
    unverified: (
        "This link cannot be verified",
        "It may be incomplete or changed. If you have paid, your payment is not affected: the shop \
         confirms it to you.",
    ),
    thanks: ("Thank you", "The shop confirms your payment to you."),
};

static CHINESE: Words = Words {
    language: "zh-Hans",
    parts: [
        part(
            "pending",
            "正在确认付款",
            "您已从支付平台返回。支付平台的确认即将到达，结果会显示在本页。",
        ),
        part("confirmed", "付款成功", "商家已收到您的付款，您可以关闭本页。"),
        part(
            "late",
            "确认需要稍长时间",
            "尚未收到支付平台的确认，请勿重复付款。您无需在此等待：商家收到确认后会继续处理您的订单。",
        ),
        part("refunded", "已退款", "这笔付款已退还给您。"),
        part("cancelled", "订单已取消", "商家已取消该订单。如您已付款，请联系商家。"),
    ],
    order: "订单号",
    amount: "金额",
    verified: "以上信息由支付平台签名。",
    look_again: "再次查看",
    unverified: (
        "无法验证此链接",
        "链接可能不完整或已被更改。如您已付款，您的付款不受影响，商家会与您确认。",
    ),
    thanks: ("谢谢", "商家会向您确认付款结果。"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_that_is_liked_best() {
        use Language::{Chinese, English};
        for (header, language) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Chinese),
            ("en-US,en;q=0.9,zh-CN;q=0.8", English),
            ("en;q=0.5, zh-TW;q=0.501", Chinese),
            ("zh;q=0.5, en;q=0.5", Chinese),
            ("en;q=0.5, zh;q=0.5", English),
            ("fr, zh;q=0.1", Chinese),
            ("fr, en;q=0.1", English),
            ("fr", English),
            ("*", English),
            ("en;q=0, *", Chinese),
            ("zh;q=0", English),
            ("ZH-hans", Chinese),
            ("zhx", English),
            ("zh;q=2", English),
            ("zh;q=0.0001", English),
            ("zh;q=0.9x", English),
            (";q=1,,zh;level=1", English),
            ("", English),
        ] {
            assert_eq!(Language::preferred(Some(header)), language, "{header}");
        }
        assert_eq!(Language::preferred(None), English);
        assert_eq!(Language::preferred(Some(&"zh,".repeat(HEADER_MAX_BYTES))), English);
    }

    #[test]
    fn every_view_has_its_text_in_every_language() {
        let known = [Standing::Confirmed, Standing::Refunded, Standing::Cancelled].map(View::Known);
        let views = known.into_iter().chain([View::Pending, View::Late]);
        for view in views {
            for language in [Language::English, Language::Chinese] {
                let parts = language.words().parts.iter();
                assert_eq!(parts.filter(|part| part.state == view.word()).count(), 1, "{view:?}");
            }
        }
    }
}
