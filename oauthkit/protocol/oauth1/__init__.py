"""OAuth 1.0a without I/O: base string, signatures, header and messages (RFC 5849)."""

from oauthkit.protocol.oauth1.base_string import (
    base_string_uri,
    normalize_parameters,
    signature_base_string,
)
from oauthkit.protocol.oauth1.encoding import (
    FORM,
    decode_form,
    encode_form,
    is_form,
    percent_encode,
)
from oauthkit.protocol.oauth1.fast import HeaderSigner
from oauthkit.protocol.oauth1.header import build_authorization_header, parse_authorization_header
from oauthkit.protocol.oauth1.messages import (
    parse_authorization_response,
    parse_refusal,
    parse_token_response,
)
from oauthkit.protocol.oauth1.request import (
    Placement,
    SignedRequest,
    generate_nonce,
    sign_request,
)
from oauthkit.protocol.oauth1.signatures import (
    SIGNATURE_METHODS,
    SignatureMethod,
    body_hash,
    sign,
)

__all__ = [
    "FORM",
    "SIGNATURE_METHODS",
    "HeaderSigner",
    "Placement",
    "SignatureMethod",
    "SignedRequest",
    "base_string_uri",
    "body_hash",
    "build_authorization_header",
    "decode_form",
    "encode_form",
    "generate_nonce",
    "is_form",
    "normalize_parameters",
    "parse_authorization_header",
    "parse_authorization_response",
    "parse_refusal",
    "parse_token_response",
    "percent_encode",
    "sign",
    "sign_request",
    "signature_base_string",
]
