"""The PyPI package standardwebhooks as a second opinion on `v1`; for `v1a`, which no package on PyPI knows, the package
cryptography, by the rule of the specification.

`standard_webhooks.py sign COUNT SEED` writes one JSON line each: {"secret" or "public_key", "headers", "body",
"genuine", "what"}.
`standard_webhooks.py verify` reads {"secret" or "public_key", "headers", "body"} lines, and answers `true` or
`false`, one a line.
"""

import base64
import json
import random
import sys
import time
from datetime import datetime, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

LETTERS = "abcXYZ019 +%&=\"'\\/:,.{}[]语雀é😀\n\t"


def words(random_, most):
    return "".join(random_.choice(LETTERS) for _ in range(random_.randrange(most)))


def message(random_, number):
    data = {"transaction": f"T-{number}", "order_no": f"SDK-{number}", "amount": random_.randrange(10**9), "currency": "EUR",
            "note": words(random_, 60)}
    kind = random_.choice(["payment.succeeded", "payment.failed", "new.in_2027"])
    body = {"type": kind, "timestamp": "2026-11-23T12:00:00Z", "data": data}
    return json.dumps(body, ensure_ascii=random_.random() < 0.5, indent=random_.choice([None, 2]))


def ed25519(private_key, headers, body):
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}"
    return "v1a," + base64.b64encode(private_key.sign(text.encode())).decode()


def is_ed25519(public_key, headers, body):
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}"
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    for entry in headers["webhook-signature"].split(" "):
        version, signature = entry.split(",")
        try:
            if version == "v1a":
                key.verify(base64.b64decode(signature), text.encode())
                return True
        except InvalidSignature:
            pass
    return False


def verdict(request):
    if "public_key" in request:
        return is_ed25519(request["public_key"], request["headers"], request["body"])
    try:
        Webhook(request["secret"]).verify(request["body"], request["headers"], json_parse=False)
        return True
    except WebhookVerificationError:
        return False


def tampered(random_, request):
    headers = request["headers"]
    how = random_.choice(["body", "blank", "id", "time", "signature", "version"])
    if how == "body":
        request["body"] = request["body"].replace("SDK-", "SDK-0", 1)
    elif how == "blank":
        request["body"] += " "
    elif how == "id":
        headers["webhook-id"] += "x"
    elif how == "time":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    elif how == "signature":
        version, signature = headers["webhook-signature"].split(",")
        headers["webhook-signature"] = f"{version}," + ("A" if signature[0] != "A" else "B") + signature[1:]
    else:
        headers["webhook-signature"] = "v2," + headers["webhook-signature"].split(",")[1]
    return how


def sign(count, seed):
    random_ = random.Random(seed)
    for number in range(count):
        now = int(time.time())
        headers = {"webhook-id": f"msg_{number}", "webhook-timestamp": str(now)}
        body = message(random_, number)
        if number % 2:
            private_key = Ed25519PrivateKey.from_private_bytes(random_.randbytes(32))
            public_key = base64.b64encode(private_key.public_key().public_bytes_raw()).decode()
            headers["webhook-signature"] = ed25519(private_key, headers, body)
            request = {"public_key": f"whpk_{public_key}"}
        else:
            secret = base64.b64encode(random_.randbytes(random_.randrange(24, 65))).decode()
            secret = "whsec_" + (secret if random_.random() < 0.5 else secret.rstrip("="))
            at = datetime.fromtimestamp(now, tz=timezone.utc)
            headers["webhook-signature"] = Webhook(secret).sign(headers["webhook-id"], at, body)
            request = {"secret": secret}
        request.update(headers=headers, body=body)
        what = tampered(random_, request) if number % 4 > 1 else None
        genuine = verdict(request)
        assert genuine == (what is None), (what, request)
        print(json.dumps({**request, "genuine": genuine, "what": what}))


def verify():
    for line in sys.stdin:
        print(json.dumps(verdict(json.loads(line))))


if __name__ == "__main__":
    if sys.argv[1] == "sign":
        sign(int(sys.argv[2]), int(sys.argv[3]))
    else:
        verify()
