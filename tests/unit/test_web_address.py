"""One reading of a URL, and no address that is not everybody's."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.errors import InvalidParams
from orchestrator.domain.web_address import (
    PUBLIC_HTTPS,
    Reach,
    WebAddress,
    is_public,
    parse_web_address,
    without_secrets,
)


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("https://media.example.com/a/b.mp4?sig=x%2F&n=1", "media.example.com", 443, "/a/b.mp4?sig=x%2F&n=1"),
        ("HTTPS://Media.Example.COM", "media.example.com", 443, "/"),
        ("https://media.example.com:8443/a", "media.example.com", 8443, "/a"),
        ("https://media.example.com?a=b", "media.example.com", 443, "/?a=b"),
        ("http://93.184.216.34/a", "93.184.216.34", 80, "/a"),
        ("https://[2606:2800:220:1::1]:8443/a", "2606:2800:220:1::1", 8443, "/a"),
        ("https://a_b.example/a@b:c#part", "a_b.example", 443, "/a@b:c"),
    ],
)
def test_a_plain_url_is_read(url: str, host: str, port: int, target: str) -> None:
    read = parse_web_address(url)
    assert (read.host, read.port, read.target) == (host, port, target)
    assert parse_web_address(str(read)) == read


@pytest.mark.parametrize(
    "url",
    [
        "",
        "media.example.com/a",
        "//media.example.com/a",
        "ftp://media.example.com/a",
        "file:///etc/passwd",
        "https://",
        "https:///a",
        "https://user@media.example.com/a",
        "https://user:password@media.example.com/a",
        "https://public.example@127.0.0.1/",
        "https://public.example\\@127.0.0.1/",
        "https://public.example#@127.0.0.1:22/\n",
        "https://media.example.com/a b",
        "https://media.example.com/a\r\nHost: 127.0.0.1",
        "https://media.example.com/a\n",
        " https://media.example.com/a",
        "https://media.example.com:/a",
        "https://media.example.com:443x/a",
        "https://media.example.com:0/a",
        "https://media.example.com:65536/a",
        "https://mediä.example.com/a",
        "https://\uff11\uff12\uff17.0.0.1/a",
        "https://127。0。0。1/a",
        "https://ⓔxample.com/a",
        "https://%31%32%37.0.0.1/a",
        "https://.example.com/a",
        "https://a..example.com/a",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://0x7f.0.0.1/",
        "https://1.2.3.4.5/",
        "https://256.0.0.1/",
        "https://[::1%25eth0]/",
        "https://[::ffff:127.0.0.1.1]/",
        "https://[v1.a]/",
        "https://media.example.com/" + "a" * 2048,
    ],
)
def test_whatever_else_is_refused(url: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        parse_web_address(url, name="url")
    assert [flaw.field for flaw in refused.value.fields] == ["url"]


@settings(max_examples=50)
@given(st.text(alphabet="htps:/@.[]0x1a%\\#?\n\u212a", max_size=20))
def test_no_text_breaks_the_reader(tail: str) -> None:
    for url in (tail, f"https://{tail}", f"https://media.example.com{tail}"):
        try:
            read = parse_web_address(url)
        except InvalidParams:
            continue
        assert url.isascii()
        assert parse_web_address(str(read)) == read


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/b", "https://media.example.com/b"),
        ("//other.example/b", "https://other.example/b"),
        ("http://other.example/b", "http://other.example/b"),
        ("?c=d", "https://media.example.com/a?c=d"),
    ],
)
def test_a_redirect_is_read_as_strictly(location: str, leads_to: str) -> None:
    start = parse_web_address("https://media.example.com/a")
    assert str(start.follow(location)) == leads_to
    with pytest.raises(InvalidParams):
        start.follow("https://user@other.example/")


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "2a00:1450:4001:81b::200e", "64:ff9b::5db8:d822"],
)
def test_public_addresses(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "192.0.2.1",
        "192.168.1.1", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378::1",
        "2001:db8::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
        "fec0::1", "ff02::1", "ff0e::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_everybodys(address: str) -> None:
    assert not is_public(ip_address(address))


def test_reach_is_https_to_public_addresses_until_an_operator_says_more() -> None:
    web, own = ip_address("93.184.216.34"), ip_address("10.20.0.7")
    assert PUBLIC_HTTPS.allows(web, 443)
    assert not any(PUBLIC_HTTPS.allows(web, port) for port in (80, 22, 6379, 8443))
    assert not PUBLIC_HTTPS.allows(own, 443)
    wider = Reach(allows_http=True, private_networks=(ip_network("10.20.0.0/16"),))
    assert wider.allows(web, 80)
    assert wider.allows(own, 9000)
    assert not wider.allows(ip_address("10.21.0.7"), 443)
    plain = WebAddress("http", "a.example", 80, "/")
    assert (PUBLIC_HTTPS.allows_scheme(plain), wider.allows_scheme(plain)) == (False, True)


def test_what_is_shown_of_a_url_holds_no_signature() -> None:
    assert without_secrets("https://a.example/f.mp4?X-Amz-Signature=0f3c") == "https://a.example/f.mp4?…"
    assert without_secrets("https://a.example/f.mp4") == "https://a.example/f.mp4"
