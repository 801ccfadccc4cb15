"""What oauthlib's server half refuses of the OAuth 2 client's requests, and how users see it."""

from __future__ import annotations

from typing import Any

import pytest

from clients.oauth2_example import CALLBACK, SITE
from clients.oauth2_judge import Verdict
from clients.oauth2_judging import (
    BASIC,
    CODE,
    LOGIN,
    NONE,
    PASSWORD,
    POST,
    REFRESH,
    ROBOT,
    SECRET,
    USER,
    browse,
    judging,
    make,
    refused,
    register,
)
from oauthkit import AsyncOAuth2Client, CallbackError
from support import run

pytestmark = pytest.mark.proves(
    "OAuth 2",
    "refusals reach the caller",
    rfc="RFC 6749 §4.1.2.1, §5.2; RFC 7009 §2.2.1; RFC 7662 §2.3",
    judge="oauthlib",
)


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({}, None, None),
        ({"code_verifier": "x" * 43}, "invalid_grant", None),
        ({"code_verifier": None}, "invalid_request", "Code verifier required."),
        ({"code": "another"}, "invalid_grant", None),
        # RFC 6749 §5.2 has invalid_grant for it; oauthlib has this.
        (
            {"redirect_uri": "https://app.example/cb"},
            "invalid_request",
            "Mismatching redirect URI.",
        ),
        ({"redirect_uri": None}, "invalid_request", "Mismatching redirect URI."),
        ({"client_id": "other"}, "invalid_grant", None),
        ({"client_id": "nobody"}, "invalid_client", None),
        ({"client_secret": f"{SECRET}!"}, "invalid_client", None),
        ({"method": POST}, "invalid_client", None),
        ({"method": NONE}, "invalid_client", None),
    ],
)
def test_codes(changes: dict[str, Any], error: str | None, description: str | None) -> None:
    """§4.1.3 and RFC 7636 §4.6: with one thing wrong a code is refused; with none, the 2nd time."""
    with judging() as (judge, server):
        creds = register(judge, BASIC, CODE, REFRESH)
        register(judge, BASIC, CODE, REFRESH, client_id="other")

        async def main() -> None:
            async with server.session() as session:
                request = make(session, creds, BASIC, CODE).create_authorization_url()
                await browse(session, request.url)
                (code,) = judge.accounts.codes
                right = {
                    **creds,
                    "method": BASIC,
                    "redirect_uri": CALLBACK,
                    "code": code,
                    "code_verifier": request.code_verifier,
                }
                sent: dict[str, Any] = {**right, **changes}
                client = AsyncOAuth2Client(
                    session,
                    sent["client_id"],
                    None if sent["method"] == NONE else sent["client_secret"],
                    sent["method"],
                    redirect_uri=sent["redirect_uri"],
                    token_endpoint=f"{SITE}/token",
                    code_challenge_method=None,
                )
                fields = {name: sent[name] for name in ("code", "code_verifier")}
                if error is None:
                    await client.fetch_token(**fields)
                told = await refused(client.fetch_token, error or "invalid_grant", **fields)
                assert (description, f"{SITE}/token") == (told.error_description, told.endpoint)
                assert (code in judge.accounts.codes) is (error is not None)

        run(main())
        verdicts = [verdict.error for verdict in judge.verdicts]
        assert [None, *([error] if error else [None, "invalid_grant"])] == verdicts


def test_raw_basic_is_another_client() -> None:
    """§2.3.1: what is not form-encoded is read as another identifier."""
    with judging() as (judge, server):
        creds = register(judge, BASIC, ROBOT, client_id="a%41")

        async def main() -> None:
            async with server.session() as session:
                await make(session, creds, BASIC, ROBOT).fetch_token()
                raw = make(session, creds, BASIC, ROBOT, raw_basic=True)
                await refused(raw.fetch_token, "invalid_client")

        run(main())


def test_grants() -> None:
    """§5.2: a wrong password, scope or grant type, and a client that may not use one."""
    with judging() as (judge, server):
        creds = {**register(judge, BASIC, PASSWORD, ROBOT, REFRESH), **LOGIN}
        less = register(judge, BASIC, REFRESH, client_id="less")

        async def main() -> None:
            async with server.session() as session:
                client = make(session, creds, BASIC, PASSWORD)
                ask = client.fetch_token
                for wrong in ({**LOGIN, "password": "wrong"}, {**LOGIN, "username": "Jorgen"}):
                    told = await refused(ask, "invalid_grant", **wrong)
                    assert "Invalid credentials given." == told.error_description
                for kind in (PASSWORD, ROBOT):
                    await refused(ask, "invalid_scope", grant_type=kind, scope="read admin")
                await refused(ask, "unsupported_grant_type", grant_type="urn:example:other")
                token = await ask()
                robot = make(session, less, BASIC, ROBOT)
                await refused(robot.fetch_token, "unauthorized_client")
                # A refresh token of another client's (§6).
                theirs = token["refresh_token"]
                await refused(robot.refresh_token, "invalid_grant", refresh_token=theirs)

        run(main())
        assert 8 == len(judge.verdicts)


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"scope": "read admin"}, "invalid_scope", None),
        ({"response_type": "id"}, "unsupported_response_type", None),
        (
            {"code_challenge_method": "S512"},
            "invalid_request",
            "Transform algorithm not supported.",
        ),
        ({"code_challenge": ""}, "invalid_request", "Code challenge required."),
        ({}, "access_denied", None),
    ],
)
def test_log_ins(changes: dict[str, str], error: str, description: str | None) -> None:
    """§4.1.2.1: what the authorization endpoint refuses comes back with the user."""
    with judging(consents=bool(changes)) as (judge, server):
        creds = register(judge, BASIC, CODE)

        async def main() -> None:
            async with server.session() as session:
                client = make(session, creds, BASIC, CODE)
                back = await browse(session, client.create_authorization_url(**changes).url)
                with pytest.raises(CallbackError) as caught:
                    await client.fetch_token(authorization_response=back)
                assert (error, description) == (
                    caught.value.error,
                    caught.value.error_description,
                )

        run(main())
        assert [Verdict("/authorize", 302, error)] == judge.verdicts


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_log_ins_that_send_nobody_back(name: str) -> None:
    """§4.1.2.1: for an unknown client or address the server keeps the user."""
    with judging() as (judge, server):
        creds = register(judge, BASIC, CODE)

        async def main() -> None:
            async with server.session() as session:
                client = make(session, creds, BASIC, CODE)
                url = client.create_authorization_url(**{name: "https://elsewhere.example/"}).url
                with pytest.raises(AssertionError, match="invalid_request"):
                    await browse(session, url)

        run(main())
        assert [Verdict("/authorize", 400, "invalid_request")] == judge.verdicts


def test_revocation_and_introspection() -> None:
    """RFC 7009 §2.2.1 and RFC 7662 §2.3: their refusals, and what is no refusal."""
    with judging(revocable=("refresh_token",)) as (judge, server):
        creds = register(judge, BASIC, ROBOT)
        unknown = {"token": f"unknown é + %41 & {USER}"}

        async def main() -> None:
            async with server.session() as session:
                client = make(session, creds, BASIC, ROBOT)
                known = {"token": (await client.fetch_token())["access_token"]}
                hinted = {**known, "token_type_hint": "access_token"}
                await refused(client.revoke_token, "unsupported_token_type", **hinted)
                # An unknown token, and an unknown hint, are none (RFC 7009 §2.2).
                await client.revoke_token(**unknown, token_type_hint="other")
                assert {"active": False} == await client.introspect_token(**unknown)
                assert (await client.introspect_token(**known))["active"]
                wrong = make(session, {**creds, "client_secret": "wrong"}, BASIC, ROBOT)
                for ask in (wrong.revoke_token, wrong.introspect_token):
                    await refused(ask, "invalid_client", **known)

        run(main())
        assert [unknown["token"]] * 2 == [dict(form)["token"] for form in judge.forms[2:4]]
