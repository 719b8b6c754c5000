"""The PyPI package wechatpayv3 as a second opinion on WeChat Pay's API v3: its signatures and its encryption.

`wechat_pay.py sign COUNT SEED API_V3_KEY` makes a key pair and writes one JSON line with the public key, then one for each
notification: {"headers": …, "body": …, "genuine": …, "opens": …, "order": …, "amount": …}.
`wechat_pay.py verify` reads a JSON line {"public_key": …, "api_v3_key": …}, then one {"headers": …, "body": …} each, and answers
each with {"genuine": …, "resource": …}; the resource is null where it does not open.
"""

import base64
import json
import random
import sys
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from wechatpayv3 import utils

REMARKS = ["自定义数据", "a=1&b=2", "100% \\/ wool", "\"quoted\" & 'single'", "emoji 🧾", "  blanks  ", "line\nend", "<b>&amp;</b>",
           "\u2028", "ümläut", ""]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def resource(random_, number, amount):
    return {
        "appid": "wx1",
        "mchid": "1900000109",
        "out_trade_no": f"SDK-{number}",
        "transaction_id": f"42000{number:023d}",
        "trade_type": random_.choice(["JSAPI", "NATIVE", "APP", "MWEB", "PAP"]),
        "trade_state": "SUCCESS",
        "attach": random_.choice(REMARKS),
        "success_time": "2026-11-23T12:00:03" + random_.choice(["+08:00", ".123+08:00"]),
        "payer": {"openid": "".join(random_.choice(LETTERS) for _ in range(28))},
        "amount": {"total": amount, "payer_total": random_.randrange(amount + 1), "currency": "CNY"},
    }


def body(random_, plain, number, key):
    nonce = "".join(random_.choice(LETTERS) for _ in range(12))
    associated = random_.choice(["transaction", "", "订单"])
    text = json.dumps(plain, ensure_ascii=random_.random() < 0.5)
    sealed = AESGCM(key.encode()).encrypt(nonce.encode(), text.encode(), associated.encode())
    envelope = {
        "id": f"EV-{number}",
        "create_time": "2026-11-23T12:00:05+08:00",
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": random_.choice(REMARKS),
        "resource": {"original_type": "transaction", "algorithm": "AEAD_AES_256_GCM", "nonce": nonce,
                     "ciphertext": base64.b64encode(sealed).decode()},
    }
    if associated or random_.random() < 0.5:
        envelope["resource"]["associated_data"] = associated
    return json.dumps(envelope, ensure_ascii=random_.random() < 0.5, separators=random_.choice([(",", ":"), (", ", ": ")]))


def tampered(random_, headers, text):
    how = random_.choice(["body", "blank", "timestamp", "nonce", "signature", "event"])
    if how == "body":
        text = text.replace("EV-", "EV-0")
    elif how == "blank":
        text += " "
    elif how == "timestamp":
        headers["Wechatpay-Timestamp"] = str(int(headers["Wechatpay-Timestamp"]) + 1)
    elif how == "nonce":
        headers["Wechatpay-Nonce"] += "0"
    elif how == "signature":
        sign = headers["Wechatpay-Signature"]
        headers["Wechatpay-Signature"] = sign[:10] + ("B" if sign[10] == "A" else "A") + sign[11:]
    else:
        text = text.replace("TRANSACTION.SUCCESS", "REFUND.SUCCESS")
    return text


def sign(count, seed, api_v3_key):
    random_ = random.Random(seed)
    private = rsa.generate_private_key(65537, 2048)
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    print(json.dumps({"public_key": pem.decode()}))
    for number in range(count):
        amount = random_.randrange(1, 10_000_000)
        opens = number % 5 != 4
        key = api_v3_key if opens else api_v3_key[::-1]
        text = body(random_, resource(random_, number, amount), number, key)
        headers = {"Wechatpay-Timestamp": str(int(time.time())),
                   "Wechatpay-Nonce": "".join(random_.choice(LETTERS) for _ in range(32))}
        signed = "%s\n%s\n%s\n" % (headers["Wechatpay-Timestamp"], headers["Wechatpay-Nonce"], text)
        headers["Wechatpay-Signature"] = utils.rsa_sign(private, signed)
        genuine = number % 4 != 3
        if not genuine:
            text = tampered(random_, headers, text)
        # The SDK's own verdict on what it signed.
        verdict = utils.rsa_verify(headers["Wechatpay-Timestamp"], headers["Wechatpay-Nonce"], text,
                                   headers["Wechatpay-Signature"], private.public_key())
        assert verdict == genuine, number
        print(json.dumps({"headers": headers, "body": text, "genuine": genuine, "opens": opens, "order": f"SDK-{number}",
                          "amount": amount}))


def verify():
    first = json.loads(sys.stdin.readline())
    public_key = utils.load_public_key(first["public_key"])
    for line in sys.stdin:
        sent = json.loads(line)
        headers, text = sent["headers"], sent["body"]
        genuine = utils.rsa_verify(headers["wechatpay-timestamp"], headers["wechatpay-nonce"], text,
                                   headers["wechatpay-signature"], public_key)
        sealed = json.loads(text)["resource"]
        plain = utils.aes_decrypt(sealed["nonce"], sealed["ciphertext"], sealed["associated_data"], first["api_v3_key"])
        print(json.dumps({"genuine": genuine, "resource": plain}))


if sys.argv[1] == "sign":
    sign(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
else:
    verify()
