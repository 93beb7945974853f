"""Bazel's requests, read by hand where they are of the usual form, and the answers to them."""

import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docker_credential_ecrpy.hot import bazel, cache
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.tokens.login import reply_tail
from tests.world.entries import HOUR, NOW, make_entry
from tests.world.hosts import HOST

URI = f"https://{HOST}/v2/"
_JSON_PARTS = st.lists(
    st.sampled_from(
        ("{", "}", '"uri"', ":", '"', URI, HOST, ",", " ", "\n", "\t", "\\", "/", "\x01", "\u00fc")
    ),
    max_size=12,
)


def _request(data: bytes) -> GetRequest:
    return bazel.parse_request(GetRequest(data))


@pytest.mark.parametrize("data", [b'{"uri":"%b"}', b'{ "uri" : "%b" }', b'{\n\t"uri":\r\n "%b"\n}'])
def test_a_usual_request_is_read_by_hand(data: bytes) -> None:
    """Only blanks may differ from what Bazel writes."""
    data = data % URI.encode()
    found = _request(data)

    assert (found.data, found.server_url) == (data, URI)
    assert found.registry is not None
    assert found.registry.host == HOST
    assert found.wants_headers
    assert found.not_found is None


@pytest.mark.parametrize(
    "data",
    [
        f'{{"uri":"{HOST}"',
        f'{{"uri":"{HOST}"]',
        f'{{"uri":"{HOST}"}}}}',
        f'{{"uri":"{HOST}}}',
        f'{{"uri":{HOST}"}}',
        f'{{"uri"{HOST}}}',
        f"{{\"uri\":'{HOST}'}}",
        f'{{"urj":"{HOST}"}}',
        f'{{"urh":"{HOST}"}}',
        f'{{ :"uri":"{HOST}"}}',
        f'{{\v"uri":"{HOST}"}}',
        f'{{"uri"\v:"{HOST}"}}',
        f'{{"uri":\v"{HOST}"}}',
        f'{{"uri":"{HOST}"\v}}',
        f'{{"uri":`"{HOST}"}}',
        f'{{"uri":"{HOST}","x":""}}',
        f'{{"uri":"{HOST}\\/"}}',
        f'{{"uri":"{HOST}\u00fc"}}',
        f'\ufeff{{"uri":"{HOST}"}}',
        '{"uri":"}',
    ],
)
def test_any_other_text_is_left_to_the_full_parser(data: str) -> None:
    """What JSON refuses is never read by hand, and rare forms are not, either."""
    found = _request(data.encode())

    assert found.wants_headers
    assert found.server_url == ""


@pytest.mark.parametrize("data", ["\ufeff\v{", "\ufeff`{", "`{", "\v{"])
def test_other_blanks_are_none(data: str) -> None:
    """JSON has four blanks."""
    assert not _request(data.encode()).wants_headers


@given(_JSON_PARTS)
@example(['{"uri":"', URI, '","uri":"', HOST, '"}'])
@example(['{"uri":"', URI, '"'])
@example(['{"uri":"', "\\u0068", '"}'])
@example(['{"uri":', '"}'])
@example(['{"uri":"', "\u00fc", '"}'])
def test_what_is_read_by_hand_is_what_the_json_says(parts: list[str]) -> None:
    """No other text is read as a request with an address."""
    data = "".join(parts).encode()
    found = _request(data)
    if found.wants_headers and found.registry is not None:
        assert json.loads(data) == {"uri": found.server_url}


@given(st.text())
@example("a b")
@example("\x7f")
def test_any_text_in_the_usual_form_is_read_as_it_is_or_not_at_all(uri: str) -> None:
    """An address that is not of plain characters is left to the full parser."""
    found = _request(f'{{"uri":"{uri}"}}'.encode())

    assert found.server_url in (uri, "")


@pytest.mark.parametrize("data", [b"", b"[]", b'"{"', b"h{", b"\xef\xbb\xbfh", b"\xef{", b"\xbb{"])
def test_other_input_stays_dockers(data: bytes) -> None:
    """The request is the one that was given."""
    request = GetRequest(data)

    assert bazel.parse_request(request) is request
    assert not request.wants_headers


@pytest.mark.parametrize("data", [b"{", b"{}", b"\xef\xbb\xbf{", b"\xef\xbb\xbf \n{}"])
def test_an_object_is_bazels(data: bytes) -> None:
    """Whatever is in it, the answer is in Bazel's form."""
    request = _request(data)

    assert request.wants_headers
    assert (request.data, request.server_url, request.registry) == (data, "", None)


@pytest.mark.parametrize(
    ("uri", "secure"),
    [
        (HOST, True),
        (f"{HOST}:443", True),
        (f"https://{HOST}", True),
        (f"HttpS://{HOST}", True),
        (f"http://{HOST}", False),
        (f"grpcs://{HOST}", False),
        (f"://{HOST}", False),
        (f"httpss://{HOST}", False),
        (f"{HOST}/?u=https://h", False),  # another parser may see a scheme
    ],
)
def test_a_token_is_for_encrypted_requests_alone(uri: str, secure: bool) -> None:
    """A registry without a scheme is called over TLS."""
    assert bazel.is_secure(uri) == secure
    assert _request(f'{{"uri":"{uri}"}}'.encode()).server_url == (uri if secure else "")


def test_the_answer_is_of_one_line() -> None:
    """The bytes, whole: what clients in the field have parsed stays as it is."""
    entry = cache.Entry(NOW, NOW + 6 * HOUR, NOW + 12 * HOUR, reply_tail("AWS", "tok+en/=="))
    login = base64.b64encode(b"AWS:tok+en/==").decode()

    assert _request(f'{{"uri":"{URI}"}}'.encode()).reply(entry, NOW).decode() == (
        f'{{"headers":{{"Authorization":["Basic {login}"]}},"expires":"2027-01-15T14:00:00Z"}}\n'
    )


@given(st.text(min_size=1), st.text(min_size=1))
@example("AWS", '","Secret":"')
@example("robot\\", "\u20ac")
def test_a_login_is_encoded_as_it_was_stored(username: str, password: str) -> None:
    """Escapes of the stored reply are no part of it."""
    try:
        wanted = f"{username}:{password}".encode()
    except UnicodeEncodeError:
        return  # such a login is refused
    entry = cache.Entry(NOW, NOW, NOW, reply_tail(username, password))
    fields = json.loads(_request(b"{}").reply(entry, NOW))
    ((scheme, _, encoded),) = [text.partition(" ") for text in fields["headers"]["Authorization"]]

    assert (scheme, base64.b64decode(encoded)) == ("Basic", wanted)


SECOND = cache.SECOND
MINUTE = 60 * SECOND


@pytest.mark.parametrize(
    ("now", "expires"),
    [
        (NOW, "14:00:00"),
        (NOW + 6 * HOUR - 1, "14:00:00"),
        (NOW + 6 * HOUR, "14:01:00"),
        (NOW + 12 * HOUR - MINUTE - SECOND, "19:59:59"),
        (NOW + 12 * HOUR - MINUTE, "20:00:00"),
        (NOW + 12 * HOUR - 1, "20:00:00"),
    ],
)
def test_the_client_asks_again_when_there_may_be_a_newer_token(now: int, expires: str) -> None:
    """At the refresh; if that has failed, within a minute, and not after the token's end."""
    fields = json.loads(_request(b"{}").reply(make_entry(), now))

    assert fields["expires"] == f"2027-01-15T{expires}Z"


def test_a_part_of_a_second_is_not_added() -> None:
    """The time is rounded down, as the token may end within the second."""
    fields = json.loads(_request(b"{}").reply(make_entry(NOW + SECOND - 1), NOW))

    assert fields["expires"] == "2027-01-15T14:00:00Z"


def test_a_request_has_no_other_fields() -> None:
    """Setting a misspelt field is an error, as for Docker's."""
    with pytest.raises(AttributeError):
        _request(b"{}").identify = "me"  # type: ignore[attr-defined]  # that is the point
