"""A server's certificate made on the spot: the repository holds no private keys. RSA by textbook, X.509 by hand.

Structure: RFC 5280 (certificate), RFC 8017 (PKCS #1 key and signature). Good for a test on loopback and nothing else.
"""

import base64
import hashlib
import ssl
from pathlib import Path

# Two primes of 1024 bits that are short to write.
P, Q, E = (3 << 1022) + 1037, (7 << 1021) + 309, 65537
N, D = P * Q, pow(E, -1, (P - 1) * (Q - 1))

SEQUENCE, SET, INTEGER, BITS, OCTETS, OID, UTF8, TIME, TRUE = 0x30, 0x31, 2, 3, 4, 6, 12, 0x18, b"\x01\x01\xff"
COMMON_NAME, ALT_NAME, CONSTRAINTS = b"\x55\x04\x03", b"\x55\x1d\x11", b"\x55\x1d\x13"
RSA = bytes.fromhex("2a864886f70d010101")
RSA_SHA256 = bytes.fromhex("2a864886f70d01010b")
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
NULL = b"\x05\x00"


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    length = len(body).to_bytes(-(-len(body).bit_length() // 8) or 1)
    return bytes([tag]) + (length if len(body) < 0x80 else bytes([0x80 | len(length)]) + length) + body


def number(value: int) -> bytes:
    return der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def certificate(host: str) -> bytes:
    """Self-signed for ``host``, in DER."""
    name = der(SEQUENCE, der(SET, der(SEQUENCE, der(OID, COMMON_NAME), der(UTF8, host.encode()))))
    key = der(SEQUENCE, number(N), number(E))
    extensions = der(
        SEQUENCE,
        der(SEQUENCE, der(OID, ALT_NAME), der(OCTETS, der(SEQUENCE, der(0x82, host.encode())))),
        der(SEQUENCE, der(OID, CONSTRAINTS), TRUE, der(OCTETS, der(SEQUENCE, TRUE))),
    )
    signature_kind = der(SEQUENCE, der(OID, RSA_SHA256), NULL)
    to_be_signed = der(
        SEQUENCE,
        der(0xA0, number(2)),
        number(1),
        signature_kind,
        name,
        der(SEQUENCE, der(TIME, b"20200101000000Z"), der(TIME, b"21200101000000Z")),
        name,
        der(SEQUENCE, der(SEQUENCE, der(OID, RSA), NULL), der(BITS, b"\x00", key)),
        der(0xA3, extensions),
    )
    return der(SEQUENCE, to_be_signed, signature_kind, der(BITS, b"\x00", sign(to_be_signed)))


def sign(message: bytes) -> bytes:
    """RSASSA-PKCS1-v1_5 with SHA-256."""
    size = N.bit_length() // 8
    info = SHA256_INFO + hashlib.sha256(message).digest()
    padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    return pow(int.from_bytes(padded), D, N).to_bytes(size)


def private_key() -> bytes:
    return der(SEQUENCE, *map(number, (0, N, E, D, P, Q, D % (P - 1), D % (Q - 1), pow(Q, -1, P))))


def pem(kind: str, content: bytes) -> str:
    return f"-----BEGIN {kind}-----\n{base64.encodebytes(content).decode()}-----END {kind}-----\n"


def server_tls(folder: Path, host: str) -> tuple[ssl.SSLContext, Path]:
    """What a server of ``host`` needs, and the certificate that its clients must trust."""
    trusted, key = folder / "certificate.pem", folder / "key.pem"
    trusted.write_text(pem("CERTIFICATE", certificate(host)))
    key.write_text(pem("RSA " + "PRIVATE KEY", private_key()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, key)
    return context, trusted
