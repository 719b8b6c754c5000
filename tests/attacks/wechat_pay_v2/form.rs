//! What is not in the form of a notification.

use super::refused::{post, refused};
use super::sender::{body, payment, scheme, signed};
use crate::door::Door;

#[tokio::test]
async fn what_is_no_flat_xml_is_malformed_though_it_could_be_read() {
    let genuine = body(&signed(payment()));
    let replaced = |from: &str, to: &str| genuine.replacen(from, to, 1);
    let entity = "<!DOCTYPE foo [<!ENTITY xxe SYSTEM \"file:///etc/passwd\">]>";
    let attacks = [
        format!("<?xml version=\"1.0\"?>{entity}{genuine}"),
        format!("{entity}<foo><value>&xxe;</value></foo>"),
        format!("<!DOCTYPE xml SYSTEM \"http://localhost/x.dtd\">{genuine}"),
        replaced("<![CDATA[A-1]]>", "&xxe;"),
        replaced("<xml>", "<xml><total_fee>1</total_fee>"),
        replaced("<xml>", "<xml><sign>00</sign>"),
        replaced("<![CDATA[2000]]>", "<v>2000</v>"),
        replaced("<total_fee>", "<total_fee currency=\"CNY\">"),
        replaced("<xml>", "<xml><!-- -->"),
        replaced("<xml>", "<?php phpinfo(); ?><xml>"),
        format!("<?xml version=\"1.0\" encoding=\"GBK\"?>{genuine}"),
        format!("{genuine}{genuine}"),
        format!("{genuine}trailing"),
        genuine[..genuine.len() - 2].to_owned(),
        genuine.replace("xml>", "root>"),
        "{\"return_code\":\"SUCCESS\"}".to_owned(),
        "return_code=SUCCESS&result_code=SUCCESS".to_owned(),
        String::new(),
    ];
    refused("v2-xml", (400, "malformed"), &attacks).await;
}

#[tokio::test]
async fn only_xml_in_utf_8_is_looked_at() {
    let door = Door::of("v2-form", scheme()).await;
    let genuine = body(&signed(payment()));
    let headers = [
        "content-type: application/json\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-type: text/xml-external-parsed-entity\r\n",
        "content-type: text/xml\r\ncontent-encoding: gzip\r\n",
    ];
    for (times, headers) in (1..).zip(headers) {
        let answer = door.post_to("", headers, genuine.as_bytes()).await;
        door.rejected(&answer, 400, ("malformed", times));
    }
    let answer = post(&door, genuine.replace("支付测试", "\u{fffd}").as_bytes()).await;
    door.rejected(&answer, 401, ("forged", 1));
    let gbk = [b"<xml><attach>\xd6\xa7\xb8\xb6</attach></xml>".as_slice(), b""].concat();
    door.rejected(&post(&door, gbk).await, 400, ("malformed", 5));
}
