"""UnionPay by the package cryptography: no SDK of UnionPay's is on PyPI or npm, so its rules are written down here once more.

`unionpay.py sign COUNT SEED` makes an authority like CFCA and a certificate in UnionPay's name, both signed with SHA-1, and writes
one JSON line with the root and the intermediate, then one for each notification: {"body": …, "genuine": …, "what": …}.
`unionpay.py verify` reads a JSON line {"root": …}, then one {"body": …} each, and answers `true` or `false`, one a line.
"""

import base64
import datetime
import hashlib
import json
import random
import sys
from urllib.parse import parse_qsl, quote_plus

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

ORGANISATION = "中国银联股份有限公司"
NAME = f"041@8310000000083040@{ORGANISATION}@00016495"
SHA256_WITH_RSA, SHA1_WITH_RSA = (bytes.fromhex(oid) for oid in ("06092a864886f70d01010b", "06092a864886f70d010105"))
RESERVED = ["透传", "1+1=2", "100% %2B", '{"a":"b","c":1}', "emoji 🧾", "  blanks  ", "line\tend", "ümläut", "a=b=c", "+%20+", ""]


def certificate(name, key, issuer, issuer_key, authority):
    now = datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
               .not_valid_after(now + datetime.timedelta(days=30)))
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    # The package issues nothing under SHA-1 any more. So the algorithm is exchanged, and what it stands over signed anew.
    der = builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER).replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    signature = issuer_key.sign(x509.load_der_x509_certificate(der).tbs_certificate_bytes, padding.PKCS1v15(), hashes.SHA1())
    return x509.load_der_x509_certificate(der[:-len(signature)] + signature)


def pem(certificate_):
    return certificate_.public_bytes(serialization.Encoding.PEM).decode()


def text(pairs):
    return "&".join(f"{key}={value}" for key, value in sorted(pairs.items()) if key != "signature" and value)


def digest(pairs):
    return hashlib.sha256(text(pairs).encode()).hexdigest().encode()


def notification(random_, number):
    amount = random_.randrange(1, 10_000_000)
    pairs = {
        "accNo": "6216***********0018", "accessType": "0", "bizType": "000201", "currencyCode": "156", "encoding": "UTF-8",
        "merId": "777290058167151", "orderId": f"SDK{number}", "queryId": f"{number:021d}", "respCode": "00",
        "respMsg": "成功[0000000]", "signMethod": "01", "traceTime": "1123120003", "txnAmt": str(amount), "txnSubType": "01",
        "txnTime": "20261123120000", "txnType": random_.choice(["01", "02", "03"]), "version": "5.1.0",
        "reqReserved": random_.choice(RESERVED),
    }
    if random_.random() < 0.3:
        pairs["aNewParameter"] = random_.choice(RESERVED)
    return pairs


def tampered(random_, pairs):
    how = random_.choice(["amount", "order", "added", "removed", "signature", "line ends"])
    if how == "amount":
        pairs["txnAmt"] = "0" + pairs["txnAmt"]
    elif how == "order":
        pairs["orderId"] += "0"
    elif how == "added":
        pairs["origQryId"] = "1"
    elif how == "removed":
        del pairs["traceTime"]
    elif how == "line ends":
        pairs["signPubKeyCert"] = pairs["signPubKeyCert"].replace("\r\n", "\n")
    else:
        sign_ = pairs["signature"]
        pairs["signature"] = sign_[:10] + ("B" if sign_[10] == "A" else "A") + sign_[11:]
    return how


def sign(count, seed):
    random_ = random.Random(seed)
    root_key, between_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(3))
    root = certificate("CFCA CS CA", root_key, None, root_key, True)
    between = certificate("CFCA OCA1", between_key, root.subject, root_key, True)
    leaf = certificate(NAME, key, between.subject, between_key, False)
    print(json.dumps({"root": pem(root), "intermediate": pem(between)}))
    for number in range(count):
        pairs = notification(random_, number)
        pairs["signPubKeyCert"] = pem(leaf).strip().replace("\n", "\r\n")
        signature = key.sign(digest(pairs), padding.PKCS1v15(), hashes.SHA256())
        pairs["signature"] = base64.b64encode(signature).decode()
        what = tampered(random_, pairs) if number % 4 == 3 else None
        items = list(pairs.items())
        random_.shuffle(items)
        body = "&".join(f"{key_}={quote_plus(value)}" for key_, value in items)
        print(json.dumps({"body": body, "genuine": what is None, "what": what}))


def is_genuine(body, root):
    pairs = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))
    certificate_ = x509.load_pem_x509_certificate(pairs["signPubKeyCert"].encode())
    name = certificate_.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        certificate_.verify_directly_issued_by(root)
        certificate_.public_key().verify(base64.b64decode(pairs["signature"], validate=True), digest(pairs), padding.PKCS1v15(),
                                         hashes.SHA256())
    except (InvalidSignature, ValueError, TypeError):
        return False
    return name.split("@")[2] == ORGANISATION and certificate_.not_valid_before_utc <= now <= certificate_.not_valid_after_utc


def verify():
    root = x509.load_pem_x509_certificate(json.loads(sys.stdin.readline())["root"].encode())
    for line in sys.stdin:
        print(json.dumps(is_genuine(json.loads(line)["body"], root)))


if sys.argv[1] == "sign":
    sign(int(sys.argv[2]), int(sys.argv[3]))
else:
    verify()
