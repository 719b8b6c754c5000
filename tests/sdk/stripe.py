"""Stripe's own PyPI package as a second opinion on its signatures.

`stripe.py sign COUNT SEED` writes one JSON line each: {"secret", "header", "body", "genuine", "what"}.
`stripe.py verify` reads {"secret", "header", "body"} lines, and answers `true` or `false`, one a line.
"""

import json
import random
import sys
import time

from stripe import SignatureVerificationError, WebhookSignature

LETTERS = "abcXYZ019 +%&=\"'\\/:,.{}[]语雀é😀\n\t"


def words(random_, most):
    return "".join(random_.choice(LETTERS) for _ in range(random_.randrange(most)))


def event(random_, number):
    intent = {"id": f"pi_{number}", "object": "payment_intent", "amount": random_.randrange(1, 10**9),
              "amount_received": random_.randrange(1, 10**9), "currency": random_.choice(["eur", "jpy", "isk", "kwd"]),
              "description": words(random_, 60), "metadata": {"order_no": f"SDK-{number}", "note": words(random_, 20)}}
    body = {"id": f"evt_{number}", "object": "event", "type": random_.choice(["payment_intent.succeeded", "new.in_2027"]),
            "created": int(time.time()), "livemode": False, "data": {"object": intent}}
    return json.dumps(body, ensure_ascii=random_.random() < 0.5, indent=random_.choice([None, 2]))


def tampered(random_, secret, header, body):
    how = random_.choice(["amount", "blank", "time", "signature", "secret", "scheme", "stale"])
    if how == "amount":
        body = body.replace('"amount": ', '"amount": 1', 1)
    elif how == "blank":
        body += " "
    elif how == "time":
        header = f"t={int(time.time())}" + header[header.index(","):]
    elif how == "signature":
        header = header[:-1] + ("0" if header[-1] != "0" else "1")
    elif how == "secret":
        secret = secret[:-1] + ("x" if secret[-1] != "x" else "y")
    elif how == "scheme":
        header = header.replace("v1=", "v0=")
    else:
        header = WebhookSignature.generate_signature_header(body, secret, int(time.time()) - 1000)
    return how, secret, header, body


def verdict(secret, header, body):
    try:
        return WebhookSignature.verify_header(body, header, secret, tolerance=300)
    except SignatureVerificationError:
        return False


def sign(count, seed):
    random_ = random.Random(seed)
    for number in range(count):
        secret = "whsec_" + "".join(random_.choice("abcdefXYZ0123456789") for _ in range(32))
        body = event(random_, number)
        # A minute in the past, so that a changed time is never the same one.
        header = WebhookSignature.generate_signature_header(body, secret, int(time.time()) - 60)
        what = None
        if number % 4 == 3:
            what, secret, header, body = tampered(random_, secret, header, body)
        genuine = verdict(secret, header, body)
        assert genuine == (what is None), (what, header, body)
        print(json.dumps({"secret": secret, "header": header, "body": body, "genuine": genuine, "what": what}))


def verify():
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(verdict(request["secret"], request["header"], request["body"])))


if __name__ == "__main__":
    if sys.argv[1] == "sign":
        sign(int(sys.argv[2]), int(sys.argv[3]))
    else:
        verify()
