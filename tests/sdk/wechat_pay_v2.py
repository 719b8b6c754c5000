"""The PyPI package wechatpy as a second opinion on WeChat Pay's API v2: its signatures, its XML and its refunds.

`wechat_pay_v2.py sign COUNT SEED API_KEY` writes a JSON line for each notification: {"body": …, "genuine": …, "order": …,
"amount": …, "refund": …}.
`wechat_pay_v2.py verify API_KEY APPID MCH_ID` reads bodies, one in JSON a line, and answers each: `true` or `false` for a signed
one, its order's number or `false` for a refund.
"""

import base64
import hashlib
import json
import random
import sys

import xmltodict
from cryptography.hazmat.primitives import padding
from wechatpy.crypto import WeChatRefundCrypto
from wechatpy.crypto.cryptography import AesEcbCipher
from wechatpy.pay.utils import calculate_signature, calculate_signature_hmac, dict_to_xml

REMARKS = ["支付测试", "a=1&b=2", "100% wool", "\"quoted\" & 'single'", "emoji 🧾", "  blanks  ", "<b>&amp;</b>", "ümläut", "+%20+",
           "out_trade_no=1&openid=2"]


def payment(random_, number, amount):
    pairs = {
        "appid": "wx1",
        "attach": random_.choice(REMARKS),
        "bank_type": "CFT",
        "cash_fee": str(random_.randrange(amount + 1)),
        "device_info": random_.choice(["", "1000", "WEB"]),
        "is_subscribe": "Y",
        "mch_id": "1900000109",
        "nonce_str": hashlib.md5(str(random_.random()).encode()).hexdigest(),
        "openid": "oUpF8uMEb4qRXf22hE3X68TekukE",
        "out_trade_no": f"SDK-{number}",
        "result_code": "SUCCESS",
        "return_code": "SUCCESS",
        "time_end": "20261123120003",
        "total_fee": str(amount),
        "trade_type": random_.choice(["JSAPI", "NATIVE", "APP", "PAP"]),
        "transaction_id": f"42000{number:023d}",
    }
    if random_.random() < 0.3:
        pairs["an_unknown_element"] = random_.choice(REMARKS)
    if random_.random() < 0.3:
        pairs["fee_type"] = "CNY"
    return pairs


def signed(random_, pairs, api_key):
    if random_.random() < 0.5:
        return calculate_signature(pairs, api_key)
    if random_.random() < 0.5:
        pairs["sign_type"] = "HMAC-SHA256"
    return calculate_signature_hmac(pairs, api_key)


def tampered(random_, pairs, sign):
    how = random_.choice(["amount", "order", "added", "removed", "signature"])
    if how == "amount":
        pairs["total_fee"] = "0" + pairs["total_fee"]
    elif how == "order":
        pairs["out_trade_no"] += "0"
    elif how == "added":
        pairs["coupon_fee"] = "1"
    elif how == "removed":
        del pairs["time_end"]
    else:
        sign = sign[:10] + ("B" if sign[10] == "A" else "A") + sign[11:]
    return sign


def refund(random_, number, amount, api_key):
    plain = "<root>" + "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in {
        "out_refund_no": f"SDK-{number}-R",
        "out_trade_no": f"SDK-{number}",
        "refund_fee": str(amount),
        "refund_id": f"50000{number:023d}",
        "refund_recv_accout": random_.choice(REMARKS),
        "refund_status": random_.choice(["SUCCESS", "CHANGE", "REFUNDCLOSE"]),
        "success_time": "2026-11-24 09:00:00",
        "total_fee": str(amount),
        "transaction_id": f"42000{number:023d}",
    }.items()) + "</root>"
    # The SDK makes the key and the cipher. It pads to 32 bytes where WeChat pads to 16, so the padding is not its own.
    padder = padding.PKCS7(128).padder()
    padded = padder.update(plain.encode()) + padder.finalize()
    sealed = AesEcbCipher(WeChatRefundCrypto(api_key).key).encrypt(padded)
    return {"return_code": "SUCCESS", "appid": "wx1", "mch_id": "1900000109", "nonce_str": "x",
            "req_info": base64.b64encode(sealed).decode()}


def sign(count, seed, api_key):
    random_ = random.Random(seed)
    for number in range(count):
        amount, genuine = random_.randrange(1, 10_000_000), number % 4 != 3
        is_refund = number % 3 == 2
        if is_refund:
            body = dict_to_xml(refund(random_, number, amount, api_key if genuine else api_key[::-1]))
        else:
            pairs = payment(random_, number, amount)
            sign_ = signed(random_, pairs, api_key)
            if not genuine:
                sign_ = tampered(random_, pairs, sign_)
            body = dict_to_xml(pairs, sign_)
        print(json.dumps({"body": body, "genuine": genuine, "order": f"SDK-{number}", "amount": amount, "refund": is_refund}))


def verify(api_key, appid, mch_id):
    for line in sys.stdin:
        body = json.loads(line)
        pairs = xmltodict.parse(body, strip_whitespace=False)["xml"]
        if "req_info" in pairs:
            try:
                answer = WeChatRefundCrypto(api_key).decrypt_message(body, appid, mch_id)["out_trade_no"]
            except Exception:
                answer = False
        else:
            claimed = pairs.pop("sign")
            calculate = calculate_signature if len(claimed) == 32 else calculate_signature_hmac
            answer = calculate(pairs, api_key) == claimed
        print(json.dumps(answer))


if sys.argv[1] == "sign":
    sign(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
else:
    verify(*sys.argv[2:])
