"""Adyen's own PyPI package as a second opinion on both of its signatures.

`adyen.py sign COUNT SEED` writes one JSON line each: {"key", "header", "body", "genuine", "what"}; the header is
empty where the items are signed.
`adyen.py verify` reads {"key", "header", "body"} lines, and answers `true` or `false`, one a line.
The package looks at the first item of a batch alone, so each batch has one.
"""

import json
import random
import sys

from Adyen.util import generate_notification_sig, generate_payload_sig, is_valid_hmac_notification, is_valid_hmac_payload

LETTERS = "abcXYZ019 +%&=\"'\\/:::,.{}[]语雀é😀"
EVENTS = ["AUTHORISATION", "CAPTURE", "REFUND", "CANCELLATION", "CHARGEBACK", "REPORT_AVAILABLE"]


def words(random_, most):
    return "".join(random_.choice(LETTERS) for _ in range(random_.randrange(most)))


def item(random_, number):
    fields = {
        "amount": {"value": random_.randrange(10**9), "currency": random_.choice(["EUR", "JPY", "ISK", "IDR"])},
        "eventCode": random_.choice(EVENTS),
        "eventDate": "2026-11-23T12:00:00+01:00",
        "merchantAccountCode": "Shop",
        "merchantReference": f"{words(random_, 20)}SDK-{number}{words(random_, 20)}",
        "paymentMethod": "visa",
        "pspReference": f"{random_.randrange(10**16):016d}",
        "reason": words(random_, 20),
        "success": random_.choice(["true", "false"]),
    }
    if random_.random() < 0.5:
        fields["originalReference"] = f"{random_.randrange(10**16):016d}"
    return fields


def flipped(signature):
    return ("A" if signature[0] != "A" else "B") + signature[1:]


def tampered(random_, fields):
    how = random_.choice(["value", "currency", "reference", "psp", "original", "event", "success", "signature"])
    if how == "value":
        fields["amount"]["value"] += 1
    elif how == "currency":
        fields["amount"]["currency"] = "USD"
    elif how == "reference":
        fields["merchantReference"] += "x"
    elif how == "psp":
        fields["pspReference"] += "0"
    elif how == "original":
        fields["originalReference"] = fields.get("originalReference", "") + "0"
    elif how == "event":
        fields["eventCode"] += "S"
    elif how == "success":
        fields["success"] = "true" if fields["success"] == "false" else "false"
    else:
        fields["additionalData"]["hmacSignature"] = flipped(fields["additionalData"]["hmacSignature"])
    return how


def verdict(key, header, body):
    if header:
        return is_valid_hmac_payload(header, key, body.encode())
    return is_valid_hmac_notification(json.loads(body), key) is True


def batch(fields):
    return {"live": "false", "notificationItems": [{"NotificationRequestItem": fields}]}


def signed_items(random_, number, key):
    fields = item(random_, number)
    fields["additionalData"] = {"hmacSignature": generate_notification_sig(fields, key).decode()}
    what = tampered(random_, fields) if number % 4 == 3 else None
    return "", json.dumps(batch(fields), ensure_ascii=random_.random() < 0.5), what


def signed_body(random_, number, key):
    platform = {"type": "transfer.updated", "environment": "test", "data": {"id": number, "text": words(random_, 60)}}
    body = json.dumps(platform, ensure_ascii=random_.random() < 0.5)
    header = generate_payload_sig(body.encode(), key).decode()
    if number % 4 != 3:
        return header, body, None
    what = random_.choice(["body", "signature"])
    return (header, body + " ", what) if what == "body" else (flipped(header), body, what)


def sign(count, seed):
    random_ = random.Random(seed)
    for number in range(count):
        key = "".join(random_.choice("0123456789ABCDEF") for _ in range(64))
        how = signed_body if number % 3 == 2 else signed_items
        header, body, what = how(random_, number, key)
        genuine = verdict(key, header, body)
        assert genuine == (what is None), (what, body)
        print(json.dumps({"key": key, "header": header, "body": body, "genuine": genuine, "what": what}))


def verify():
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(verdict(request["key"], request["header"], request["body"])))


if __name__ == "__main__":
    if sys.argv[1] == "sign":
        sign(int(sys.argv[2]), int(sys.argv[3]))
    else:
        verify()
