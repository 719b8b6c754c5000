"""The PyPI package python-alipay-sdk as a second opinion on Alipay's signatures.

`alipay.py sign COUNT SEED RSA2|RSA` makes a key pair and writes one JSON line with the public key, then one for each message:
{"kind": "payment|agreement|return", "body": …, "genuine": …, "what": …}.
`alipay.py verify RSA2|RSA` reads a JSON line {"public_key": …}, then one {"body": …} each, and answers `true` or `false`, one a line.
`alipay.py certificates` reads a JSON line {"certificate": …, "bundle": …} each, and answers both serial numbers, one pair a line.
"""

import json
import random
import sys
from urllib.parse import parse_qsl, quote_plus

from alipay import AliPay, DCAliPay
from Cryptodome.PublicKey import RSA

APP_ID = "2021000000000001"
SUBJECTS = ["语雀空间 500人规模", "1+1=2", "100% wool", "a%2Bb", '"quoted" & \'single\'', "Tom & Jerry", "back\\slash/", "emoji 🧾",
            "  blanks  ", "line\tend", "<b>&amp;</b>", "ümläut", "a=b=c", "+%20+", "%E8%AF%AD"]


def sdk(private_key, public_key, sign_type):
    return AliPay(appid=APP_ID, app_notify_url=None, app_private_key_string=private_key,
                  alipay_public_key_string=public_key, sign_type=sign_type)


def payment(random_, number):
    cents = random_.randrange(1, 10_000_000)
    pairs = {
        "notify_time": "2026-11-23 12:00:05",
        "notify_type": "trade_status_sync",
        "notify_id": f"{number:032d}",
        "app_id": APP_ID,
        "charset": "utf-8",
        "version": "1.0",
        "trade_no": f"2026112322001{number:015d}",
        "out_trade_no": f"SDK-{number}",
        "trade_status": random_.choice(["TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED", "WAIT_BUYER_PAY"]),
        "total_amount": f"{cents // 100}.{cents % 100:02d}",
        "seller_id": "2088102177890000",
        "subject": random_.choice(SUBJECTS),
        "body": "".join(random_.choice("ab +%&=\"'\\语/😀{}[]:,") for _ in range(random_.randrange(0, 40))),
        "fund_bill_list": json.dumps([{"amount": "0.10", "fundChannel": "ALIPAYACCOUNT"}],
                                     separators=random_.choice([(",", ":"), (", ", ": ")])),
        "gmt_create": "2026-11-23 12:00:00",
        "gmt_payment": "2026-11-23 12:00:03",
    }
    if random_.random() < 0.3:
        pairs["passback_params"] = quote_plus("a=1&b=语")
    if random_.random() < 0.3:
        pairs["an_unknown_parameter"] = random_.choice(SUBJECTS)
    return pairs


def agreement(random_, number):
    signed = random_.random() < 0.5
    pairs = {
        "notify_time": "2026-11-23 12:00:05",
        "notify_type": "dut_user_sign" if signed else "dut_user_unsign",
        "notify_id": f"{number:032d}",
        "app_id": APP_ID,
        "charset": "utf-8",
        "version": "1.0",
        "agreement_no": f"2026{number:016d}",
        "external_agreement_no": random_.choice(["S-1", "订阅 1+1", "100%"]),
        "alipay_logon_id": "159****5620",
        "personal_product_code": "CYCLE_PAY_AUTH_P",
        "sign_scene": "INDUSTRY|DIGITAL_MEDIA",
        "status": "NORMAL" if signed else "UNSIGN",
        "sign_time": "2026-11-23 12:00:00",
        "valid_time": "2026-11-23 12:00:00",
        "invalid_time": "2115-02-01 00:00:00",
    }
    if not signed:
        pairs["unsign_time"] = "2026-12-23 12:00:00"
    return pairs


def returned(random_, number):
    cents = random_.randrange(1, 10_000_000)
    return {
        "charset": "utf-8",
        "out_trade_no": random_.choice([f"SDK-{number}", f"订单 {number}+1"]),
        "method": random_.choice(["alipay.trade.page.pay.return", "alipay.trade.wap.pay.return"]),
        "total_amount": f"{cents // 100}.{cents % 100:02d}",
        "trade_no": f"2026112322001{number:015d}",
        "auth_app_id": APP_ID,
        "version": "1.0",
        "app_id": APP_ID,
        "seller_id": "2088102177890000",
        "timestamp": "2026-11-23 12:00:10",
    }


def encoded(pairs):
    items = list(pairs.items())
    return "&".join(f"{key}={quote_plus(value)}" for key, value in items)


def tampered(random_, pairs):
    how = random_.choice(["changed", "added", "removed", "signature"])
    key = random_.choice([key for key in pairs if key not in ("sign", "sign_type")])
    if how == "changed":
        pairs[key] += "0"
    elif how == "added":
        pairs["refund_fee"] = "0.01"
    elif how == "removed":
        del pairs[key]
    else:
        flipped = "B" if pairs["sign"][10] == "A" else "A"
        pairs["sign"] = pairs["sign"][:10] + flipped + pairs["sign"][11:]
    return how


def sign(count, seed, sign_type):
    random_ = random.Random(seed)
    key = RSA.generate(2048 if sign_type == "RSA2" else 1024)
    private_key, public_key = key.export_key().decode(), key.publickey().export_key().decode()
    alipay = sdk(private_key, public_key, sign_type)
    print(json.dumps({"public_key": public_key}))
    for number in range(count):
        kind, make = random_.choice([("payment", payment), ("payment", payment), ("agreement", agreement), ("return", returned)])
        pairs = make(random_, number)
        signed = dict(parse_qsl(alipay.sign_data(dict(pairs)), keep_blank_values=True, strict_parsing=True))
        pairs.update(sign_type=sign_type, sign=signed["sign"])
        what = tampered(random_, pairs) if number % 4 == 3 else None
        items = list(pairs.items())
        random_.shuffle(items)
        genuine = alipay.verify({k: v for k, v in items if k != "sign"}, pairs["sign"])
        assert genuine == (what is None), (what, pairs)
        print(json.dumps({"kind": kind, "body": encoded(dict(items)), "genuine": genuine, "what": what}))


def verify(sign_type):
    public_key = json.loads(sys.stdin.readline())["public_key"]
    # The SDK wants a private key as well, which verifying does not touch.
    alipay = sdk(RSA.generate(1024).export_key().decode(), public_key, sign_type)
    for line in sys.stdin:
        pairs = dict(parse_qsl(json.loads(line)["body"], keep_blank_values=True, strict_parsing=True))
        signature = pairs.pop("sign")
        print(json.dumps(alipay.verify(pairs, signature)))


def certificates():
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps([DCAliPay.get_cert_sn(asked["certificate"]), DCAliPay.get_root_cert_sn(asked["bundle"])]))


if __name__ == "__main__":
    if sys.argv[1] == "sign":
        sign(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    elif sys.argv[1] == "verify":
        verify(sys.argv[2])
    else:
        certificates()
