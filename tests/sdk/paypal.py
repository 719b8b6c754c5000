"""The PyPI package paypalrestsdk as a second opinion on PayPal's signatures and certificates.

`paypal.py sign COUNT SEED` makes an authority and a certificate and writes one JSON line with the root and the certificate, then
one for each event: {"headers": …, "body": …, "genuine": …}.
`paypal.py verify` reads a JSON line {"root": …, "certificate": …, "webhook_id": …}, then one {"headers": …, "body": …} each, and
answers `true` or `false`, one a line.

The SDK calls a function of pyOpenSSL that is no more; what it did is put in its place, by the package cryptography.
"""

import base64
import contextlib
import datetime
import io
import json
import random
import sys
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto
from paypalrestsdk import WebhookEvent

WEBHOOK_ID = "4JH86294D6297924G"
NAME = "messageverificationcerts.paypal.com"
URL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1a5f47cb"
NOTES = ["语雀", "a=1&b=2", "100% \\/ wool", "\"quoted\"", "emoji 🧾", "  blanks  ", "line\nend", "\u2028", "a|b|c", ""]


def openssl_verify(certificate, signature, data, digest):
    assert digest == "sha256WithRSAEncryption", digest
    certificate.to_cryptography().public_key().verify(signature, data, padding.PKCS1v15(), hashes.SHA256())


def trust(root, certificate):
    store = crypto.X509Store()
    store.add_cert(crypto.load_certificate(crypto.FILETYPE_PEM, root))
    crypto.verify = openssl_verify
    WebhookEvent._get_certificate_store = classmethod(lambda cls: store)
    WebhookEvent._get_cert = staticmethod(lambda url: crypto.load_certificate(crypto.FILETYPE_PEM, certificate))


def verdict(headers, body, webhook_id):
    headers = {name.lower(): value for name, value in headers.items()}
    with contextlib.redirect_stdout(io.StringIO()):
        return WebhookEvent.verify(headers["paypal-transmission-id"], headers["paypal-transmission-time"], webhook_id, body,
                                   headers["paypal-cert-url"], headers["paypal-transmission-sig"], headers["paypal-auth-algo"])


def certificate(name, key, issuer, issuer_key, authority):
    now = datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
               .not_valid_after(now + datetime.timedelta(days=30))
               .add_extension(x509.BasicConstraints(authority, None), critical=True))
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    made = builder.sign(issuer_key, hashes.SHA256())
    return made, made.public_bytes(serialization.Encoding.PEM).decode()


def event(random_, number):
    cents = random_.randrange(1, 10_000_000)
    return {
        "id": f"WH-{number}", "event_type": "PAYMENT.CAPTURE.COMPLETED", "create_time": "2026-11-23T12:00:05.123Z",
        "summary": random_.choice(NOTES),
        "resource": {"id": f"C{number}", "custom_id": f"SDK-{number}", "update_time": "2026-11-23T12:00:03Z",
                     "amount": {"value": f"{cents // 100}.{cents % 100:02d}", "currency_code": "USD"},
                     "note": "".join(random_.choice("ab +%&=\"'\\语/😀{}[]:,|") for _ in range(random_.randrange(40)))},
    }


def tampered(random_, headers, body):
    how = random_.choice(["body", "blank", "id", "time", "signature"])
    if how == "body":
        body = body.replace("SDK-", "SDK-0")
    elif how == "blank":
        body += " "
    elif how == "id":
        headers["Paypal-Transmission-Id"] = str(uuid.UUID(int=random_.getrandbits(128)))
    elif how == "time":
        headers["Paypal-Transmission-Time"] = headers["Paypal-Transmission-Time"].replace("Z", ".5Z")
    else:
        sign_ = headers["Paypal-Transmission-Sig"]
        headers["Paypal-Transmission-Sig"] = sign_[:10] + ("B" if sign_[10] == "A" else "A") + sign_[11:]
    return body


def sign(count, seed):
    random_ = random.Random(seed)
    root_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    root, root_pem = certificate("A root", root_key, None, root_key, True)
    _, leaf_pem = certificate(NAME, key, root.subject, root_key, False)
    trust(root_pem, leaf_pem)
    print(json.dumps({"root": root_pem, "certificate": leaf_pem, "url": URL, "webhook_id": WEBHOOK_ID}))
    for number in range(count):
        body = json.dumps(event(random_, number), ensure_ascii=random_.random() < 0.5,
                          separators=random_.choice([(",", ":"), (", ", ": ")]))
        time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        headers = {"Paypal-Transmission-Id": str(uuid.UUID(int=random_.getrandbits(128))), "Paypal-Transmission-Time": time,
                   "Paypal-Cert-Url": URL, "Paypal-Auth-Algo": "SHA256withRSA", "Paypal-Auth-Version": "v2"}
        text = WebhookEvent._get_expected_sig(headers["Paypal-Transmission-Id"], time, WEBHOOK_ID, body)
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        headers["Paypal-Transmission-Sig"] = base64.b64encode(signature).decode()
        genuine = number % 4 != 3
        if not genuine:
            body = tampered(random_, headers, body)
        assert verdict(headers, body, WEBHOOK_ID) == genuine, number
        print(json.dumps({"headers": headers, "body": body, "genuine": genuine}))


def verify():
    first = json.loads(sys.stdin.readline())
    trust(first["root"], first["certificate"])
    for line in sys.stdin:
        sent = json.loads(line)
        print(json.dumps(verdict(sent["headers"], sent["body"], first["webhook_id"])))


if sys.argv[1] == "sign":
    sign(int(sys.argv[2]), int(sys.argv[3]))
else:
    verify()
