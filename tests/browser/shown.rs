//! What a payer sees, with and without script, in his language, and from a forged link.

use crate::browser::Browser;
use crate::shop::Shop;

/// Whatever the engines: pending, then confirmed, on one and the same page.
async fn is_told_live(shop: &Shop) -> anyhow::Result<()> {
    let browser = Browser::phone("en-GB,en").await?;
    browser.open(&shop.link()?).await?;
    let text = browser.reads("Confirming your payment").await?;
    assert!(text.contains("A-20261123-0001-2") && text.contains("128.00 CNY"), "{text}");
    assert!(!text.contains("Payment confirmed"), "{text}");
    assert_eq!(browser.value("window.unchanged = 'since then'").await?, "since then");

    shop.is_paid().await?;
    let text = browser.reads("Payment confirmed").await?;
    assert!(!text.contains("Confirming your payment"), "{text}");
    assert_eq!(browser.value("window.unchanged").await?, "since then", "it was loaded anew");
    assert_eq!(browser.value("document.title").await?, "Payment confirmed");

    // And so it is at once for whoever opens the link after that.
    browser.open(&shop.link()?).await?;
    assert!(browser.text().await?.contains("Payment confirmed"));
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payer_sees_his_payment_confirmed_without_loading_the_page_anew_embedded() {
    is_told_live(&Shop::embedded().await.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payer_sees_his_payment_confirmed_without_loading_the_page_anew_on_servers() {
    is_told_live(&Shop::on_servers().await.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_the_page_loads_itself_anew_until_it_is_confirmed() {
    let shop = Shop::embedded().await.unwrap();
    let browser = Browser::phone("en").await.unwrap();
    browser.forbid_scripts().await.unwrap();
    browser.open(&shop.link().unwrap()).await.unwrap();
    browser.reads("Confirming your payment").await.unwrap();
    shop.is_paid().await.unwrap();
    let text = browser.reads("Payment confirmed").await.unwrap();
    assert!(text.contains("A-20261123-0001-2"), "{text}");
    let address = browser.value("location.pathname").await.unwrap();
    assert!(address.as_str().unwrap().contains("/again/"), "{address}");
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chinese_payer_reads_chinese() {
    let shop = Shop::embedded().await.unwrap();
    let browser = Browser::phone("zh-CN,zh").await.unwrap();
    browser.open(&shop.link().unwrap()).await.unwrap();
    let text = browser.reads("正在确认付款").await.unwrap();
    assert!(text.contains("订单号") && text.contains("金额"), "{text}");
    shop.is_paid().await.unwrap();
    browser.reads("付款成功").await.unwrap();
    assert_eq!(browser.value("document.documentElement.lang").await.unwrap(), "zh-Hans");
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_link_shows_nothing_and_runs_nothing() {
    let shop = Shop::embedded().await.unwrap();
    shop.is_paid().await.unwrap();
    let browser = Browser::phone("en").await.unwrap();
    let forged = shop.link().unwrap().replace("128.00", "666.00");
    let scripted = format!("{forged}&x=%22%3E%3Cscript%3Ewindow.evil=1%3C/script%3E");
    for link in [forged, scripted] {
        browser.open(&link).await.unwrap();
        let text = browser.reads("This link cannot be verified").await.unwrap();
        for word in ["666", "128", "A-20261123", "onfirmed "] {
            assert!(!text.contains(word), "{word} in {text}");
        }
        assert_eq!(browser.value("String(window.evil)").await.unwrap(), "undefined");
        assert_eq!(browser.value("document.scripts.length").await.unwrap(), 0);
    }
    browser.close().await.unwrap();
}
