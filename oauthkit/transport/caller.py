"""Calls protocol endpoints: bounded in time and size, never redirected, never sent twice."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping

import attrs
from aiohttp import (
    ClientConnectionError,
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    hdrs,
)
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload
from yarl import URL

from oauthkit.errors import OAuthError, UnreachableError
from oauthkit.tokens.deadlines import Patience
from oauthkit.tokens.seams import SENDING, Sending
from oauthkit.transport.seams import Answer, show_content_type
from oauthkit.transport.sessions import SessionHolder

__all__ = ["ServerCaller"]

FORM = "application/x-www-form-urlencoded"
_CHUNK = 16 * 1024
# What aiohttp computes for this one request; everything else on it must be ours.
_OF_THE_MESSAGE = frozenset({"host", "content-length", "transfer-encoding"})


@attrs.define(eq=False, kw_only=True)
class ServerCaller:
    """
    Call protocol endpoints of authorization servers on a client's session.

    A request carries the headers that it is given, ``Accept-Encoding: identity`` and nothing else:
    no cookies, no default headers, no middlewares of the session. It is not redirected, and not
    sent again by aiohttp when a connection drops. *deadline* (seconds) is for the whole call,
    *answer_limit* (bytes) for the body after decompression.
    """

    sessions: SessionHolder
    deadline: float
    answer_limit: int

    async def call(
        self, method: str, url: str, *, form: str | None = None, headers: Mapping[str, str]
    ) -> Answer:
        """
        Send one request and read the answer, whatever its status.

        Raises UnreachableError where there is none within the deadline, OAuthError where it is too
        large or not what its Content-Encoding says.
        """
        endpoint = str(URL(url, encoded=True).with_query(None).with_user(None))
        try:
            async with Patience(asyncio.get_running_loop().time() + self.deadline):
                return await self._call(endpoint, method, url, form, headers)
        except (ClientError, OSError) as error:
            failure = self._explain(endpoint, error)
        try:
            # Outside of the handler: what aiohttp raises may hold the URL and the headers.
            raise failure
        finally:
            del failure  # it holds this frame

    def _explain(self, endpoint: str, error: Exception) -> UnreachableError:
        if isinstance(error, TimeoutError):
            text = f"{endpoint} did not answer within {self.deadline:g} s"
            return UnreachableError(text, endpoint=endpoint, deadline=self.deadline)
        text = f"{endpoint} could not be reached, or hung up: {type(error).__name__}"
        failure = UnreachableError(text, endpoint=endpoint)
        failure.__cause__ = _without_secrets(error)
        return failure

    async def _call(
        self, endpoint: str, method: str, url: str, form: str | None, headers: Mapping[str, str]
    ) -> Answer:
        target = URL(url, encoded=True)
        # Host: a session's default headers may hold one.
        sent = {hdrs.HOST: target.host_port_subcomponent or "", **headers}
        sent[hdrs.ACCEPT_ENCODING] = "identity"
        if form is not None:
            sent[hdrs.CONTENT_TYPE] = FORM
        body = None if form is None else _Form(form.encode(), SENDING.get())
        async with self.sessions.get().request(
            method,
            target,
            data=body,
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=False,
            skip_auto_headers=(hdrs.CONTENT_TYPE,),
            timeout=None,
            middlewares=(_Once(sent),),
        ) as response:
            answer = await self._read(endpoint, response)
        found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(endpoint=endpoint, status=response.status, headers=found, body=answer)

    async def _read(self, endpoint: str, response: ClientResponse) -> bytes:
        inflater = _Inflater(response.headers.get(hdrs.CONTENT_ENCODING, ""))
        body = b""
        try:
            async for chunk in response.content.iter_chunked(_CHUNK):
                body += inflater.inflate(chunk, self.answer_limit + 1 - len(body))
                if len(body) > self.answer_limit:
                    raise ValueError(f"is larger than answer_limit, {self.answer_limit} bytes")
            inflater.finish()
        except ValueError as error:
            response.close()
            kind = show_content_type(response.content_type)
            raise OAuthError(
                f"the answer of {endpoint} {error} (status {response.status}, {kind})",
                error="invalid_response",
                endpoint=endpoint,
                status=response.status,
                content_type=kind,
            ) from None
        return body


def _without_secrets(error: Exception) -> Exception | None:
    """Keep an exception that says where a connection failed, and quotes no request or answer."""
    if isinstance(error, ClientConnectorError):
        return error
    # Others quote the URL ("Can not write request body for …") or the headers of half an answer.
    return error if type(error) is ClientOSError and "://" not in str(error) else None


class _Form(BytesPayload):
    """A form that notes when it begins to leave: before that, nobody can have used what it says."""

    def __init__(self, form: bytes, sending: Sending | None) -> None:
        super().__init__(form)
        self._sending = sending
        if sending is not None:
            sending.left = False

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write all of it."""
        self._note()
        await super().write(writer)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write as much of it as *content_length* says."""
        self._note()
        await super().write_with_length(writer, content_length)

    def _note(self) -> None:
        if self._sending is not None:
            self._sending.left = True


@attrs.define(eq=False)
class _Once:
    """Let a request through once, with exactly these headers; a second sending is refused."""

    _headers: Mapping[str, str] = attrs.field(repr=False)
    _sent: bool = False

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if self._sent:
            # aiohttp sends a GET again when a kept-alive connection turns out to be closed.
            raise ClientConnectionError("the connection was closed; the request is not sent again")
        self._sent = True
        for name in {name for name in request.headers if name.lower() not in _OF_THE_MESSAGE}:
            del request.headers[name]
        request.headers.update(self._headers)
        return await handler(request)


class _Inflater:
    """Undo a Content-Encoding, never making more than is asked for (RFC 9110 §8.4)."""

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        self._known = name in ("", "identity", "gzip", "x-gzip", "deflate")
        self._stream = None
        if name in ("gzip", "x-gzip"):
            self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        elif name == "deflate":
            self._stream = zlib.decompressobj()

    def inflate(self, chunk: bytes, most: int) -> bytes:
        """Return at most *most* octets more; raises ValueError for what cannot be read."""
        if not self._known:
            raise ValueError("came with a Content-Encoding that was not asked for")
        if self._stream is None:
            return chunk
        if self._stream.eof:  # zlib would keep it all
            raise ValueError("goes on after its end")
        try:
            return self._stream.decompress(chunk, most)
        except zlib.error:
            raise ValueError("is not what its Content-Encoding says") from None

    def finish(self) -> None:
        """Raise ValueError if there should be more to come."""
        if self._stream is not None and not self._stream.eof:
            raise ValueError("was cut short")
