//! Can it be read on a phone, by day and by night? And what it looks like, for the documentation.

use std::path::Path;

use serde_json::Value;

use crate::browser::{Browser, PHONE};
use crate::shop::Shop;

/// With it set, the pictures in the documentation are taken anew.
const TAKE: &str = "QUITTANCE_TEST_SCREENSHOTS";
const PICTURE_MAX_BYTES: usize = 120 * 1024;
/// Of text on its ground. Source: WCAG 2.2, success criterion 1.4.3.
const CONTRAST_MIN: f64 = 4.5;
const LETTER_MIN_PX: f64 = 16.0;
/// Of every visible text: its size, its colour and that of what lies beneath it.
const LETTERS: &str = "[...document.querySelectorAll('h1, p, dt, dd, a')]
    .filter((element) => element.checkVisibility())
    .map((element) => {
        const style = getComputedStyle(element);
        const ground = getComputedStyle(document.querySelector('main')).backgroundColor;
        return [parseFloat(style.fontSize), style.color, ground, element.textContent];
    })";

/// Red, green and blue of `rgb(1, 2, 3)`.
fn colour(text: &Value) -> [f64; 3] {
    let inner = text.as_str().unwrap().trim_start_matches("rgb(").trim_end_matches(')');
    let parts: Vec<f64> = inner.split(", ").map(|part| part.parse().unwrap()).collect();
    parts.try_into().unwrap()
}

/// Source: WCAG 2.2, relative luminance.
fn luminance(colour: [f64; 3]) -> f64 {
    let [red, green, blue] = colour.map(|value| {
        let value = value / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: &Value, other: &Value) -> f64 {
    let (one, other) = (luminance(colour(one)), luminance(colour(other)));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Large letters in clear colours, and nothing beyond the screen's edge.
async fn is_readable(browser: &Browser) {
    let letters = browser.value(LETTERS).await.unwrap();
    let letters = letters.as_array().unwrap();
    assert!(letters.len() >= 2, "{letters:?}");
    for text in letters {
        assert!(text[0].as_f64().unwrap() >= LETTER_MIN_PX, "small: {text}");
        assert!(contrast(&text[1], &text[2]) >= CONTRAST_MIN, "faint: {text}");
    }
    let width = browser.value("document.documentElement.scrollWidth").await.unwrap();
    assert_eq!(width, PHONE.0, "it is wider than the phone");
}

async fn picture(browser: &Browser, name: &str) {
    let picture = browser.screenshot().await.unwrap();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() <= PICTURE_MAX_BYTES, "{name}");
    if std::env::var_os(TAKE).is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/return-page");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), picture).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_readable_on_a_phone_by_day_and_by_night() {
    let shop = Shop::embedded().await.unwrap();
    let english = Browser::phone("en").await.unwrap();
    english.open(&shop.link().unwrap()).await.unwrap();
    english.reads("Confirming your payment").await.unwrap();
    is_readable(&english).await;
    picture(&english, "pending.png").await;
    let last = shop.link().unwrap().replacen('?', "/again/24?", 1);
    english.open(&last).await.unwrap();
    english.reads("This takes a little longer").await.unwrap();
    is_readable(&english).await;
    picture(&english, "late.png").await;
    english.open(&shop.link().unwrap().replace("128", "666")).await.unwrap();
    english.reads("This link cannot be verified").await.unwrap();
    is_readable(&english).await;
    english.close().await.unwrap();

    let chinese = Browser::phone("zh-CN,zh").await.unwrap();
    chinese.prefer_dark().await.unwrap();
    chinese.open(&shop.link().unwrap()).await.unwrap();
    chinese.reads("正在确认付款").await.unwrap();
    is_readable(&chinese).await;
    shop.is_paid().await.unwrap();
    chinese.reads("付款成功").await.unwrap();
    is_readable(&chinese).await;
    picture(&chinese, "confirmed-zh-dark.png").await;
    chinese.close().await.unwrap();
}
